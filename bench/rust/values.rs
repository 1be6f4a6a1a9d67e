// values.h over a kevy-store `Store`: the numbering of its operations is repeated here.

use kevy_store::{ScoreBound, StreamId, XAddIdSpec};

#[repr(C)]
pub struct Item {
    name: [u8; 24],
    value: [u8; 16],
    key: [u8; 16],
    score: f64,
    id: u64,
}

const LAST: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

fn xadd(s: &mut Store, i: &Item) -> bool {
    let fields = vec![(b"a".to_vec(), i.value[..8].to_vec()), (b"b".to_vec(), i.value[8..].to_vec())];
    s.xadd(b"v", XAddIdSpec::Explicit(StreamId { ms: i.id, seq: 0 }), fields, false, 0).is_ok()
}

fn by_score(s: &mut Store, score: f64) -> bool {
    let bound = |value| ScoreBound { value, exclusive: false };
    s.zrange_by_score(b"v", bound(score), bound(score + 9.0)).unwrap().len() == 10
}

fn one(s: &mut Store, op: u32, i: &Item) -> u64 {
    let (field, member, value) = (&i.name[..8], &i.name[..16], &i.value[..]);
    let (key, rank) = (&i.key[..10], i.id as i64);
    match op {
        0 => s.hset_borrowed(b"v", &[(field, value)]).unwrap() as u64,
        1 => u64::from(s.hget(b"v", field).unwrap().is_some_and(|v| v.len() == 16)),
        2 => s.sadd_borrowed(b"v", &[member]).unwrap() as u64,
        3 => u64::from(s.sismember(b"v", member).unwrap()),
        4 => s.zadd_borrowed(b"v", &[(i.score, member)]).unwrap() as u64,
        5 => u64::from(s.zscore(b"v", member).unwrap().is_some()),
        6 => u64::from(s.zrank(b"v", member).unwrap().is_some()),
        7 => u64::from(s.zrange(b"v", rank, rank + 9).unwrap().len() == 10),
        8 => u64::from(by_score(s, i.score)),
        9 => u64::from(s.rpush_borrowed(b"v", &[value]).is_ok()),
        10 => {
            s.lpush_borrowed(b"v", &[value]).unwrap();
            s.rpop(b"v", 1).unwrap().len() as u64
        }
        11 => u64::from(xadd(s, i)),
        12 => u64::from(s.xrange(b"v", StreamId { ms: i.id, seq: 0 }, LAST, Some(10)).unwrap().len() == 10),
        13 => {
            let pairs = [(&i.name[..8], &i.value[..8]), (&i.name[8..16], &i.value[8..])];
            s.hset_borrowed(key, &pairs).unwrap();
            1
        }
        14 => u64::from(s.hget(key, field).unwrap().is_some_and(|v| v.len() == 8)),
        15 => s.sadd_borrowed(key, &[&i.name[..]]).unwrap() as u64,
        _ => s.del(&[b"v".to_vec()]) as u64,
    }
}

#[no_mangle]
pub extern "C" fn values_open() -> *mut Store {
    engine_open()
}

/// # Safety
/// As values.h says; so below.
#[no_mangle]
pub unsafe extern "C" fn values_close(s: *mut Store) {
    engine_close(s);
}

#[no_mangle]
pub unsafe extern "C" fn values_run(s: *mut Store, op: u32, items: *const Item, n: usize) -> u64 {
    let store = &mut *s;
    std::slice::from_raw_parts(items, n).iter().map(|i| one(store, op, i)).sum()
}

#[no_mangle]
pub unsafe extern "C" fn values_snapshot(s: *mut Store) -> *mut SnapshotView {
    engine_snapshot(s)
}

#[no_mangle]
pub unsafe extern "C" fn values_snapshot_close(snapshot: *mut SnapshotView) {
    engine_snapshot_close(snapshot);
}

#[no_mangle]
pub unsafe extern "C" fn values_used(s: *mut Store) -> u64 {
    engine_used(s)
}

#[no_mangle]
pub extern "C" fn values_work(_: *mut Store, _: *mut u64, _: *mut u64) -> i32 {
    0
}
