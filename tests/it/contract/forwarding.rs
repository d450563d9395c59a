//! `forwarding`: the commands by which a machine in the cloud forwards a port to a data centre.

use serde_json::Value;

use super::program::{ACR, Ended, Program};

/// Nothing is asked of the registry. Nobody keeps an integration from being called what it likes.
fn program() -> Program {
    let harbor = r#"
[[integrations]]
name = "prod"
type = "harbor"
version = "V2"
region_id = "cn-beijing"
domain = "harbor.example.com"
ip = "10.0.0.5"
port = 8443
hybrid = true
username = "admin"
password = { env = "NOT_SET" }

[[integrations]]
name = "six"
type = "harbor"
version = "V2"
domain = "harbor.example.com"
ip = "2001:db8:1::1"
hybrid = true
username = "admin"
password = { env = "NOT_SET" }

[[integrations]]
name = "$(reboot)`reboot`; reboot"
type = "harbor"
version = "V2"
domain = "harbor.example.com"
username = "admin"
password = { env = "NOT_SET" }
"#;
    Program::new(&(harbor.to_owned() + ACR))
}

async fn forwarding(program: &Program, more: &[&str]) -> Ended {
    program.run([&["forwarding", "prod"], more].concat()).await
}

#[tokio::test]
async fn every_system_is_told_its_commands() {
    let program = program();
    let arguments = [
        "forwarding",
        "prod",
        "--server",
        "192.168.10.20",
        "--listen=443",
    ];
    let ended = program.json(arguments).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(ended.stdout);
    let text = program.run(arguments).await;
    assert_eq!((text.code, text.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(text.stdout);
}

#[tokio::test]
async fn the_integrations_port_is_listened_on_and_forwarded_to_unless_another_is_given() {
    let program = program();
    for (more, ports) in [
        (&["--server=192.168.10.20"][..], [8443, 8443]),
        (&["--server=192.168.10.20:9443"], [8443, 9443]),
        (&["--server=192.168.10.20", "--listen=443"], [443, 8443]),
        (
            &["--server=192.168.10.20:9443", "--listen=443"],
            [443, 9443],
        ),
    ] {
        for system in ["firewalld", "iptables", "nftables", "windows"] {
            let system = ["--output=json", "--system", system];
            let ended = forwarding(&program, &[more, &system].concat()).await;
            let [record] = <[_; 1]>::try_from(ended.objects()).unwrap();
            assert_eq!(record["system"], system[2]);
            assert_eq!(record["listen"], ports[0]);
            assert_eq!(record["port"], ports[1]);
        }
    }
}

#[tokio::test]
async fn ipv6_is_refused_with_the_reason_where_the_system_cannot() {
    let program = program();
    let server = "--server=[2001:db8::5]:443";
    let ended = forwarding(&program, &[server, "--output=json"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    for record in ended.objects() {
        let can = record["system"] == "windows";
        assert_eq!(record["refused"] == Value::Null, can, "{record}");
        assert_eq!(record["steps"].as_array().unwrap().is_empty(), !can);
        if !can {
            let reason = record["refused"].as_str().unwrap();
            assert!(reason.contains("from IPv4 to IPv6"), "{reason}");
        }
    }
    let ended = forwarding(&program, &[server, "--system=iptables", "--output=json"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    let message = ended.error()["error"]["message"].clone();
    assert!(message.as_str().unwrap().starts_with("iptables cannot"));
}

#[tokio::test]
async fn a_machine_with_an_address_of_ipv6_is_reached_over_that() {
    let program = program();
    let six = ["forwarding", "six", "--output=json"];
    let of = async |server| {
        program
            .run([&six[..], &["--server", server]].concat())
            .await
    };
    let within = of("2001:db8::5").await.objects();
    assert_eq!(within.len(), 4);
    for record in within {
        assert_eq!(record["reached_over"], "ipv6");
        assert_eq!(record["refused"], Value::Null);
    }
    let across = of("192.168.10.20").await.objects();
    let refused: Vec<_> = across
        .iter()
        .map(|it| it["refused"] != Value::Null)
        .collect();
    assert_eq!(refused, [true, true, true, false]);
}

#[tokio::test]
async fn what_is_never_dialled_is_never_forwarded_to() {
    let program = program();
    for server in [
        "169.254.169.254",
        "100.100.100.200:80",
        "0.0.0.0",
        "127.0.0.1",
        "[::1]:80",
    ] {
        let ended = forwarding(&program, &["--server", server, "--output=json"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{server}");
        assert_eq!(ended.error()["error"]["code"], Value::Null);
    }
    let acr = ["forwarding", "acr", "--server", "192.168.10.20"];
    let ended = program.json(acr).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
}

/// What somebody might try to get into a command, or a reader take for another address than the tool.
const NO_SERVERS: &[&str] = &[
    "",
    " ",
    "192.168.10.20; reboot",
    "192.168.10.20;reboot",
    "192.168.10.20 && reboot",
    "192.168.10.20|reboot",
    "192.168.10.20&reboot",
    "192.168.10.20\nreboot",
    "192.168.10.20\r\nreboot",
    "192.168.10.20\n",
    " 192.168.10.20",
    "192.168.10.20 ",
    "\u{a0}192.168.10.20",
    "$(reboot)",
    "`reboot`",
    "${IFS}",
    "%COMSPEC%",
    "192.168.10.20:$(reboot)",
    "192.168.10.20:80;reboot",
    "192.168.10.20:80:90",
    "192.168.10.20:80 -j ACCEPT",
    "192.168.10.20:80-90",
    "192.168.10.20-192.168.10.30",
    "192.168.10.0/24",
    "192.168.10.20:",
    "192.168.10.20:0",
    "192.168.10.20:00",
    "192.168.10.20:080",
    "192.168.10.20:+80",
    "192.168.10.20:-80",
    "192.168.10.20:65536",
    "192.168.10.20:99999999999999999999",
    "192.168.10.20:0x50",
    "192.168.10.20:8e1",
    "192.168.10.20:http",
    "192.168.10.20:８０",
    "１９２.168.10.20",
    "192.168.010.20",
    "192.168.10",
    "3232238100",
    "0xc0a80a14",
    "0300.0250.012.024",
    "192.168.10.20.",
    "192.168.10.256",
    ":80",
    "[192.168.10.20]:80",
    "[2001:db8::5",
    "2001:db8::5]",
    "[2001:db8::5]80",
    "[2001:db8::5]:",
    "[2001:db8::5];reboot",
    "[2001:db8::5]:80;reboot",
    "[[2001:db8::5]]:80",
    "[]:80",
    "fe80::1%eth0",
    "fe80::1%25eth0",
    "[fe80::1%;reboot]:80",
    "2001:db8::5/64",
    "*",
    "any",
    "localhost",
    "harbor.example.com",
    "http://192.168.10.20",
    "admin@192.168.10.20",
    "'192.168.10.20'",
    "\"192.168.10.20\"",
    "192.168.10.20#",
    "192.168.10.20\\",
    "192.168.10.20\t",
    "192.168.10.20>x",
    "192.168.10.20<x",
    "192.168.10.20{",
    "192.168.10.20\u{202e}",
    "192.168.10.20,192.168.10.21",
];

#[tokio::test]
async fn no_server_puts_a_command_of_its_own_into_the_commands() {
    use registry_intake::network::forwarding::{ForwardingError, ServerAddress};

    let program = program();
    for server in NO_SERVERS {
        assert!(
            matches!(
                server.parse::<ServerAddress>(),
                Err(ForwardingError::Malformed { .. })
            ),
            "{server:?}"
        );
        let ended = forwarding(&program, &["--server", server]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{server:?}");
    }
    let server = "--server=192.168.10.20";
    for (option, value) in [
        ("--listen", "443;reboot"),
        ("--listen", "$(reboot)"),
        ("--listen", "0"),
        ("--listen", "65536"),
        ("--listen", "-1"),
        ("--listen", "443\nreboot"),
        ("--listen", ""),
        ("--system", "iptables;reboot"),
        ("--system", ""),
        ("--system", "pf"),
    ] {
        let ended = forwarding(&program, &[server, option, value]).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (2, ""),
            "{option} {value:?}"
        );
    }
}

#[tokio::test]
async fn no_name_of_an_integration_stands_in_a_script() {
    let program = program();
    let name = "$(reboot)`reboot`; reboot";
    let ended = program
        .run(["forwarding", name, "--server=192.168.10.20"])
        .await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stdout.contains("reboot"), "{}", ended.stdout);
    let unknown = ["forwarding", "nowhere;reboot", "--server=192.168.10.20"];
    assert_eq!(program.run(unknown).await.code, 2);
}
