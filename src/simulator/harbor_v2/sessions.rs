use std::collections::{BTreeMap, BTreeSet};

use crate::simulator::made_up::{digest_of, id_in};

/// Sessions by number, which their cookie `sid` leads back to: those of nobody, of which every
/// client without a cookie is given one, take no memory.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    last: u64,
    /// All up to this one have ended, and these.
    ended_up_to: u64,
    ended: BTreeSet<u64>,
    users: BTreeMap<u64, SignedIn>,
    signed_in: u64,
    limit: Option<u64>,
}

#[derive(Debug)]
struct SignedIn {
    name: String,
    requests: u64,
}

impl Sessions {
    /// A session of nobody, unless this one is known.
    pub(super) fn begin(&mut self, sid: Option<&str>) -> Option<String> {
        if sid.and_then(|sid| self.number(sid)).is_some() {
            return None;
        }
        self.last += 1;
        Some(sid_of(self.last))
    }

    /// Ends the session before, and begins one of this user.
    pub(super) fn sign_in(&mut self, before: Option<&str>, name: String) -> String {
        if let Some(sid) = before {
            self.end(sid);
        }
        self.last += 1;
        self.signed_in += 1;
        let requests = 0;
        self.users.insert(self.last, SignedIn { name, requests });
        sid_of(self.last)
    }

    pub(super) fn signed_in(&self) -> u64 {
        self.signed_in
    }

    pub(super) fn open(&self) -> usize {
        self.users.len()
    }

    /// Whose session this is, if it still authorises a request.
    pub(super) fn user(&mut self, sid: &str) -> Option<String> {
        let number = self.number(sid)?;
        let limit = self.limit;
        let user = self.users.get_mut(&number)?;
        if limit.is_some_and(|limit| user.requests >= limit) {
            self.end(sid);
            return None;
        }
        user.requests += 1;
        Some(user.name.clone())
    }

    pub(super) fn end(&mut self, sid: &str) {
        if let Some(number) = self.number(sid) {
            self.users.remove(&number);
            self.ended.insert(number);
        }
    }

    pub(super) fn end_all(&mut self) {
        self.ended_up_to = self.last;
        self.ended.clear();
        self.users.clear();
    }

    pub(super) fn end_after(&mut self, requests: Option<u64>) {
        self.limit = requests;
    }

    fn number(&self, sid: &str) -> Option<u64> {
        let number = id_in(sid)?;
        let is_open = self.ended_up_to < number && number <= self.last;
        (is_open && !self.ended.contains(&number) && sid == sid_of(number)).then_some(number)
    }
}

/// 32 hexadecimal digits.
fn sid_of(number: u64) -> String {
    let digest = digest_of(number);
    digest[digest.len() - 32..].to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_session_is_known_from_its_beginning_to_its_end() {
        let mut sessions = Sessions::default();
        assert!(sessions.begin(Some("never begun")).is_some());
        let nobodys = sessions.begin(None).unwrap();
        assert_eq!(nobodys.len(), 32);
        assert_eq!(sessions.begin(Some(&nobodys)), None);
        assert_eq!(sessions.user(&nobodys), None);

        let users = sessions.sign_in(Some(&nobodys), "ann".to_owned());
        assert!(sessions.begin(Some(&nobodys)).is_some());
        assert_eq!(sessions.begin(Some(&users)), None);
        assert_eq!(sessions.user(&users).as_deref(), Some("ann"));
        sessions.end(&users);
        assert_eq!((sessions.user(&users), sessions.open()), (None, 0));
        assert!(sessions.begin(Some(&users)).is_some());
    }

    #[test]
    fn all_sessions_end_at_once_or_after_so_many_requests_each() {
        let mut sessions = Sessions::default();
        let first = sessions.sign_in(None, "ann".to_owned());
        sessions.end_all();
        assert!(sessions.begin(Some(&first)).is_some());

        let second = sessions.sign_in(None, "ann".to_owned());
        sessions.end_after(Some(1));
        let third = sessions.sign_in(None, "bob".to_owned());
        assert!(sessions.user(&second).is_some());
        assert!(sessions.user(&second).is_none());
        assert!(sessions.user(&third).is_some());
        assert_eq!((sessions.open(), sessions.signed_in()), (1, 3));
    }
}
