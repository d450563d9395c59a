use std::time::Duration;

use super::program::{Ended, Program};

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_does_the_whole_job_in_under_30_seconds() {
    let program = Program::new("");
    let run = program.bare().output();
    let ended = tokio::time::timeout(Duration::from_secs(30), run).await;
    let ended = Ended::from(ended.expect("it took too long").unwrap());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let text = ended.stdout;
    assert!(!text.contains('\u{1b}'), "{text}");
    for said in [
        "1. Start",
        "2. Integrate",
        "3. Verify",
        "verified: the account sees",
        "4. Sync",
        "complete, proved by totals",
        "5. Ingest: 5 images",
        "at 3,600 an hour",
        "At 10 an hour the last of them would be in after",
        "Where to go next",
    ] {
        assert!(text.contains(said), "{said:?} is missing in {text}");
    }
    let ingested = text
        .lines()
        .filter(|line| line.starts_with("demonstration  "));
    assert_eq!(ingested.count(), 5, "{text}");
    assert!(!program.path("registry-intake.db").exists());
}
