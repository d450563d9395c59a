//! When an integration is synced, as an operator writes it.

use super::{LEAST, faults, read};

fn shown(lines: &str) -> String {
    read(&format!("{LEAST}{lines}")).schedule().to_string()
}

#[test]
fn each_form_of_a_schedule_is_read_and_shown_with_its_zone() {
    for (lines, schedule) in [
        (
            "",
            "daily in the early morning, incremental every 6 hours, UTC",
        ),
        (
            "region_id = \"cn-beijing\"",
            "daily in the early morning, incremental every 6 hours, Asia/Shanghai",
        ),
        (
            "region_id = \"cn-beijing\"\ntimezone = \"Europe/Berlin\"",
            "daily in the early morning, incremental every 6 hours, Europe/Berlin",
        ),
        (
            "schedule = \"daily\"\nincremental_every_hours = 2",
            "daily in the early morning, incremental every 2 hours, UTC",
        ),
        (
            "incremental_every_hours = \"never\"",
            "daily in the early morning, UTC",
        ),
        (
            "schedule = \"manual\"\nincremental_every_hours = \"never\"",
            "manual",
        ),
        ("schedule = \"manual\"", "manual"),
        (
            "schedule = { cron = \"30 22 * * FRI\" }\ntimezone = \"Asia/Tokyo\"",
            "cron 30 22 * * FRI, incremental every 6 hours, Asia/Tokyo",
        ),
    ] {
        assert_eq!(shown(lines), schedule, "{lines}");
    }
}

#[test]
fn every_fault_of_a_schedule_is_named() {
    for (lines, fields) in [
        ("schedule = \"hourly\"", vec!["schedule"]),
        ("schedule = 3", vec!["schedule"]),
        ("schedule = { cron = \"61 2 * * *\" }", vec!["schedule"]),
        ("schedule = { every = \"1h\" }", vec!["schedule"]),
        ("timezone = \"Berlin\"", vec!["timezone"]),
        (
            "schedule = { cron = \"\" }\ntimezone = \"\"\nincremental_every_hours = 0",
            vec!["schedule", "timezone", "incremental_every_hours"],
        ),
        (
            "incremental_every_hours = 25",
            vec!["incremental_every_hours"],
        ),
        (
            "incremental_every_hours = \"often\"",
            vec!["incremental_every_hours"],
        ),
        (
            "schedule = \"manual\"\nincremental_every_hours = 4",
            vec!["incremental_every_hours"],
        ),
    ] {
        let faults = faults(&format!("{LEAST}{lines}"));
        let mut found: Vec<_> = faults.iter().map(|fault| fault.field()).collect();
        found.sort_unstable();
        let mut fields = fields;
        fields.sort_unstable();
        assert_eq!(found, fields, "{lines}: {faults:?}");
    }
}
