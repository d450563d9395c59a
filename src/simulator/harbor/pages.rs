//! Pages for people.

use crate::simulator::exchange::Answer;

const PORTAL: &str = "<!doctype html><html><head><title>Harbor</title></head><body>\
                      <harbor-app>Loading...</harbor-app></body></html>";
const NO_PAGE: &str = "<!DOCTYPE HTML>\n<html>\n<head>\n<meta charset=\"utf-8\">\n\
                       <title>404 - Page Not Found</title>\n</head>\n<body>404</body>\n</html>\n";

/// What nginx itself says.
pub(in crate::simulator) fn nginx(status: u16, title: &str) -> Answer {
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>\
         </center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    Answer::new(status, "text/html", body)
}

/// Core's page for a route that it does not have.
pub(in crate::simulator) fn no_page() -> Answer {
    Answer::new(404, "text/html; charset=utf-8", NO_PAGE)
}

/// What every path outside of core leads to.
pub(in crate::simulator) fn portal() -> Answer {
    Answer::new(200, "text/html", PORTAL)
}
