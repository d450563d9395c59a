use std::collections::BTreeMap;

use crate::simulator::made_up::digest_of;

/// Sessions by their cookie. The real server keeps none: its cookies hold them, signed. What a
/// cookie stands for therefore never changes; a sign-in hands out another.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions {
    begun: u64,
    by_cookie: BTreeMap<String, Session>,
}

#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) cookie: String,
    /// What a request that changes something must send along.
    pub(super) csrf_token: String,
    /// Who has signed in.
    pub(super) user: Option<String>,
}

impl Sessions {
    pub(super) fn begin(&mut self, user: Option<String>) -> Session {
        self.begun += 1;
        let secret = |salt: u64| digest_of(self.begun ^ (salt << 32)).replace("sha256:", "");
        let session = Session {
            cookie: format!(".{}", secret(1)),
            csrf_token: secret(2),
            user,
        };
        let cookie = session.cookie.clone();
        self.by_cookie.insert(cookie, session.clone());
        session
    }

    pub(super) fn of(&self, cookie: &str) -> Option<Session> {
        self.by_cookie.get(cookie).cloned()
    }

    pub(super) fn open_of(&self, user: &str) -> usize {
        let sessions = self.by_cookie.values();
        sessions
            .filter(|session| session.user.as_deref() == Some(user))
            .count()
    }

    /// Ends every session of a user.
    pub(super) fn end_of(&mut self, user: &str) {
        self.by_cookie
            .retain(|_, session| session.user.as_deref() != Some(user));
    }
}
