//! The newest kevy-store behind engine.h.
#![allow(clippy::missing_safety_doc)]

use kevy_store::{SetCondition, SnapshotView, Store};

#[inline(always)]
fn set(store: &mut Store, key: &[u8], value: &[u8], ttl: Option<std::time::Duration>) {
    store.set_slice(key, value, ttl, SetCondition::Always);
}

include!("../../engine.rs");
