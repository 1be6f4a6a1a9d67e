// engine.h over a kevy-store `Store`, the bare single-threaded one. The including crate says what
// differs between releases: fn set(&mut Store, key, value, ttl).

use std::time::Duration;

const HIT: u64 = 1 << 32;

#[repr(C)]
pub struct Lookup {
    key: [u8; 16],
}

#[repr(C)]
pub struct Pair {
    key: [u8; 16],
    value: [u8; 16],
}

#[no_mangle]
pub extern "C" fn engine_open() -> *mut Store {
    Box::into_raw(Box::new(Store::new()))
}

/// # Safety
/// As engine.h says; so below.
#[no_mangle]
pub unsafe extern "C" fn engine_close(e: *mut Store) {
    drop(Box::from_raw(e));
}

#[no_mangle]
pub unsafe extern "C" fn engine_clear(e: *mut Store) {
    (*e).flushall();
}

#[no_mangle]
pub unsafe extern "C" fn engine_get(e: *mut Store, keys: *const Lookup, n: usize, klen: usize) -> u64 {
    let (store, mut sum) = (&mut *e, 0);
    for k in std::slice::from_raw_parts(keys, n) {
        if let Ok(Some(v)) = store.get(&k.key[..klen]) {
            sum += HIT + u64::from(v[v.len() - 1]);
        }
    }
    sum
}

/// The crate has no batch read: one by one.
#[no_mangle]
pub unsafe extern "C" fn engine_mget(e: *mut Store, keys: *const Lookup, n: usize, klen: usize) -> u64 {
    engine_get(e, keys, n, klen)
}

#[no_mangle]
pub unsafe extern "C" fn engine_set(
    e: *mut Store,
    pairs: *const Pair,
    n: usize,
    klen: usize,
    vlen: usize,
    ttl_ms: i64,
) {
    let store = &mut *e;
    let ttl = (ttl_ms > 0).then(|| Duration::from_millis(ttl_ms as u64));
    for p in std::slice::from_raw_parts(pairs, n) {
        set(store, &p.key[..klen], &p.value[..vlen], ttl);
    }
}

#[no_mangle]
pub unsafe extern "C" fn engine_snapshot(e: *mut Store) -> *mut SnapshotView {
    Box::into_raw(Box::new((*e).collect_snapshot()))
}

#[no_mangle]
pub unsafe extern "C" fn engine_snapshot_close(snapshot: *mut SnapshotView) {
    drop(Box::from_raw(snapshot));
}

#[no_mangle]
pub unsafe extern "C" fn engine_used(e: *mut Store) -> u64 {
    (*e).used_memory()
}

#[no_mangle]
pub extern "C" fn engine_work(_: *mut Store, _: *mut u64, _: *mut u64) -> bool {
    false
}
