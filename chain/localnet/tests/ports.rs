//! Fixed and free ports, and what is said of a taken one.

use crate::common::{Localnet, refused};
use std::net::TcpListener;

#[test]
fn a_taken_port_is_named_with_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    for (rpc, ws) in [(port.as_str(), "0"), ("0", port.as_str())] {
        let ended = refused(&["--rpc-port", rpc, "--ws-port", ws]);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success(), "{said}");
        assert!(said.contains(&format!("cannot listen on 127.0.0.1:{port}")) && said.contains("hint:"), "{said}");
    }
}

#[test]
fn a_fixed_port_is_the_one_that_answers() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port().to_string();
    let chain = Localnet::start_on(&["--rpc-port", &free, "--ws-port", "0"], &[]);
    assert_eq!(chain.ready.rpc_url, format!("http://127.0.0.1:{free}"));
    assert!(chain.client().get_health().is_ok());
}
