//! Allocations and peak memory of a listing and of a sync, by the registry's size.

use std::{collections::BTreeSet, env, process::Command};

use crate::{
    registry::Registry,
    subject::{self, Measured, Taken},
};

const SIZES: [u64; 2] = [10_000, 100_000];

/// By how much the peak of the largest size may exceed that of the smallest.
const BOUND: f64 = 1.3;

/// Prints what every subject takes at every size. False where a peak grows with the registry.
pub(crate) fn is_flat(more: impl Iterator<Item = u64>) -> bool {
    let sizes: BTreeSet<u64> = SIZES.into_iter().chain(more).collect();
    println!("\nmemory by the number of artifacts, in 50 projects of a Harbor 2.15");
    println!("| | artifacts | allocations for one | peak heap, KiB | peak resident, KiB |");
    println!("|---|---|---|---|---|");
    let mut peaks = Vec::new();
    for &size in &sizes {
        let registry = Registry::start(size);
        for subject in subject::SUBJECTS {
            let Measured { steps, resident } = measured(subject, registry.port());
            for step in steps {
                assert_eq!(step.images, size, "{}", step.step);
                println!("{}", row(&step, resident));
                peaks.push((step.step, step.peak as f64));
            }
            peaks.extend(resident.map(|peak| (format!("{subject}, resident"), peak as f64)));
        }
    }
    let subjects: BTreeSet<&String> = peaks.iter().map(|(subject, _)| subject).collect();
    let mut is_flat = true;
    for subject in subjects {
        let of_subject = || peaks.iter().filter(|(other, _)| other == subject);
        let (Some((_, first)), Some((_, last))) = (of_subject().next(), of_subject().next_back())
        else {
            continue;
        };
        let ratio = last / first;
        is_flat &= ratio < BOUND;
        let verdict = if ratio < BOUND { "flat" } else { "GROWS" };
        println!("{subject}: {ratio:.2} times the peak at the largest size, {verdict}");
    }
    is_flat
}

fn row(taken: &Taken, resident: Option<u64>) -> String {
    let Taken {
        step,
        images,
        allocations,
        peak,
    } = taken;
    let each = *allocations as f64 / *images as f64;
    let resident = resident.map_or_else(String::new, |kilobytes| kilobytes.to_string());
    format!(
        "| {step} | {images} | {each:.1} | {} | {resident} |",
        peak >> 10
    )
}

fn measured(subject: &str, port: u16) -> Measured {
    let output = Command::new(env::current_exe().unwrap())
        .args([subject::ROLE, subject, &port.to_string()])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{subject}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}
