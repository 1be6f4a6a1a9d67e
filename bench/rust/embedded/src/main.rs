//! The newest kevy-embedded with its log, everysec: SETs of new keys, as files/driver.c's `log` makes them.
//!
//!     log PATH N    ns a SET of N new keys, wall, in a store with its log in this new directory
use std::io::{BufRead, Write};
use std::time::Instant;

use kevy_embedded::{AppendFsync, Config, KevyResult, Store};

fn digits(at: &mut [u8], mut id: u64) {
    for digit in at.iter_mut().rev() {
        *digit = b'0' + (id % 10) as u8;
        id /= 10;
    }
}

fn logged(path: &str, n: u64) -> KevyResult<f64> {
    let config = Config::default()
        .with_persist(path)
        .with_appendfsync(AppendFsync::EverySec)
        .with_auto_aof_rewrite_disabled();
    let store = Store::open(config)?;
    let (mut key, mut value) = (*b"key:0000000000", *b"value:0000000000");
    let began = Instant::now();
    for i in 0..n {
        digits(&mut key[4..], i);
        digits(&mut value[6..], i);
        store.set(&key, &value)?;
    }
    Ok(began.elapsed().as_nanos() as f64 / n as f64)
}

fn main() {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let ["log", path, n] = words[..] else { panic!("what is {line}?") };
        let ns = logged(path, n.parse().expect("a count")).expect("a log");
        println!("{{\"logged_ns\": {ns:.1}}}");
        std::io::stdout().flush().expect("a reader");
    }
}
