//! The native library behind the Rust project's Python client, which its wheel does not carry and no
//! registry has: the functions that client binds, over the published kevy-store behind one lock. Scalar
//! get and set work; commands and subscriptions answer "misuse", and nobody calls them here.
#![allow(clippy::missing_safety_doc)]

use kevy_store::{SetCondition, Store};
use std::{ptr, slice, sync::Mutex, time::Duration};

type Handle = Mutex<Store>;

#[repr(C)]
pub struct Buf {
    ptr: *mut u8,
    len: usize,
    cap: usize,
}

#[no_mangle]
pub extern "C" fn kevy_abi() -> u32 {
    1
}

#[no_mangle]
pub extern "C" fn kevy_version() -> *const u8 {
    c"7.0.0".as_ptr().cast()
}

#[no_mangle]
pub extern "C" fn kevy_open_mem() -> *mut Handle {
    Box::into_raw(Box::new(Mutex::new(Store::new())))
}

#[no_mangle]
pub extern "C" fn kevy_open(_: *const u8, _: usize) -> *mut Handle {
    ptr::null_mut()
}

#[no_mangle]
pub unsafe extern "C" fn kevy_close(h: *mut Handle) {
    drop(Box::from_raw(h));
}

#[no_mangle]
pub unsafe extern "C" fn kevy_get(h: *const Handle, key: *const u8, len: usize, out: *mut Buf) -> i32 {
    let Ok(mut store) = (*h).lock() else { return -1 };
    match store.get(slice::from_raw_parts(key, len)) {
        Ok(Some(v)) => {
            let mut copy = std::mem::ManuallyDrop::new(v.into_owned());
            *out = Buf { ptr: copy.as_mut_ptr(), len: copy.len(), cap: copy.capacity() };
            1
        }
        Ok(None) => 0,
        Err(_) => -1,
    }
}

#[no_mangle]
pub unsafe extern "C" fn kevy_get_shared(h: *const Handle, key: *const u8, len: usize, out: *mut Buf) -> i32 {
    kevy_get(h, key, len, out)
}

#[no_mangle]
pub unsafe extern "C" fn kevy_buf_free(ptr: *mut u8, len: usize, cap: usize) {
    if cap != 0 {
        drop(Vec::from_raw_parts(ptr, len, cap));
    }
}

#[no_mangle]
pub unsafe extern "C" fn kevy_buf_free_shared(ptr: *mut u8, len: usize, cap: usize) {
    kevy_buf_free(ptr, len, cap);
}

#[no_mangle]
pub unsafe extern "C" fn kevy_set(
    h: *const Handle,
    key: *const u8,
    klen: usize,
    value: *const u8,
    vlen: usize,
    ttl_ms: u64,
) -> i32 {
    let Ok(mut store) = (*h).lock() else { return -1 };
    let ttl = (ttl_ms > 0).then(|| Duration::from_millis(ttl_ms));
    let (key, value) = (slice::from_raw_parts(key, klen), slice::from_raw_parts(value, vlen));
    store.set_slice(key, value, ttl, SetCondition::Always);
    0
}

#[no_mangle]
pub extern "C" fn kevy_cmd(_: *const Handle, _: usize, _: *const *const u8, _: *const usize, _: *mut Buf) -> i32 {
    -1
}

#[no_mangle]
pub extern "C" fn kevy_subscribe(_: *const Handle, _: *const u8, _: usize) -> *mut u8 {
    ptr::null_mut()
}

#[no_mangle]
pub extern "C" fn kevy_psubscribe(_: *const Handle, _: *const u8, _: usize) -> *mut u8 {
    ptr::null_mut()
}

#[no_mangle]
pub extern "C" fn kevy_sub_next(_: *mut u8, _: *mut Buf) -> i32 {
    -1
}

#[no_mangle]
pub extern "C" fn kevy_sub_wait(_: *mut u8, _: u64, _: *mut Buf) -> i32 {
    -1
}

#[no_mangle]
pub extern "C" fn kevy_sub_close(_: *mut u8) {}
