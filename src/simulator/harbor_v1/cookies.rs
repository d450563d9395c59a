use crate::simulator::{
    exchange::{Answer, Request},
    made_up::digest_of,
};

/// Gives a session, and mostly the token of its forms, to whoever brings none. Neither is worth
/// anything: forms are not simulated.
pub(super) fn set(request: &Request, answer: Answer) -> Answer {
    if request.cookie("sid").is_some() {
        return answer;
    }
    let made_up = digest_of(request.number);
    let sid: String = made_up.chars().skip("sha256:".len()).take(32).collect();
    let answer = answer.with("Set-Cookie", format!("sid={sid}; Path=/; HttpOnly"));
    if !is_handled(request, &answer) {
        return answer;
    }
    let expires = "Expires=Sun, 21 Nov 2100 00:00:00 UTC; Max-Age=3600";
    answer.with("Set-Cookie", format!("_xsrf={sid}; {expires}; Path=/"))
}

/// Whether a handler was reached, which is not refused or missing before: some ask for an account,
/// or for the project, first.
fn is_handled(request: &Request, answer: &Answer) -> bool {
    let asks_first = ["/api/users/current", "/api/statistics", "/api/logs"];
    let is_asked_first = asks_first.contains(&request.path.as_str());
    let is_project = request.path.starts_with("/api/projects/");
    match answer.status {
        404 => !answer.body.starts_with(b"<") && !is_project,
        401 | 500 => !is_asked_first,
        _ => true,
    }
}
