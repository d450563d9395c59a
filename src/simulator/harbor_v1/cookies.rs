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
    let is_page = answer.status == 404 && answer.body.starts_with(b"<");
    let answer = answer.with("Set-Cookie", format!("sid={sid}; Path=/; HttpOnly"));
    if is_page {
        return answer;
    }
    let expires = "Expires=Sun, 21 Nov 2100 00:00:00 UTC; Max-Age=3600";
    answer.with("Set-Cookie", format!("_xsrf={sid}; {expires}; Path=/"))
}
