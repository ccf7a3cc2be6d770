//! The loop killed between any two of its durable steps.

mod other_side;

use enrollment::registrar::{Error, Registrar};
use enrollment::state::State;
use other_side::{DAY, START, Scene, at, device, document, given, show, state};

/// One thing that a process does, told where it stops.
type Work<'w> = &'w mut dyn FnMut(&mut Registrar, &mut dyn FnMut(&'static str) -> bool) -> Result<(), Error>;

#[test]
fn wherever_it_is_killed_each_thing_is_said_and_done_exactly_once() {
    let day = |number: i64| START + number * DAY;
    for at_step in ["leased", "called", "told", "proposed", "renewed", "signed", "looked", "kept-list", "adopted"] {
        let scene = Scene::new();
        let (_, id, first) = scene.enrolled(1);
        let second = given("dev-1", 0x11, day(1), 100);
        scene.fake.there().signs.insert(second.csr.clone(), second.issued.clone());
        let fake = scene.fake.clone();
        let mut seen = document(day(1), vec![device(1, day(1)), device(2, day(1))]);
        show(&mut seen, 0, &first.sha256, day(1));
        let mut silent = seen.clone();
        silent.sources[0].last_seen = at(day(96));
        silent.as_of = at(day(96));
        // Verified and told, renewed, listed, stale, proposed: each killed once, then gone on with by a new process.
        let mut stopped = 0;
        let mut killed = |work: Work<'_>| {
            let mut once = true;
            let ended = work(&mut scene.registrar(), &mut |name| name == at_step && std::mem::take(&mut once));
            stopped += u32::from(matches!(ended, Err(Error::Stopped)));
            assert!(matches!(ended, Ok(()) | Err(Error::Stopped)), "{at_step}");
            for _ in 0..3 {
                work(&mut scene.registrar(), &mut |_| false).unwrap();
            }
        };
        let mut clock = day(2);
        let mut sent = |registrar: &mut Registrar, hook: &mut dyn FnMut(&'static str) -> bool| {
            // Leases of the dead run out.
            clock += 1000;
            registrar.dispatch(&mut |_| Ok(Box::new(fake.clone())), clock, hook).map(|_| ())
        };
        scene.registrar().observe(&seen, day(1)).unwrap();
        killed(&mut sent);
        scene.registrar().attach_csr(&id, &second.csr, "anna", day(2)).unwrap();
        killed(&mut sent);
        let mut looks = day(3);
        killed(&mut |registrar, hook| {
            looks += 1000;
            registrar.poll(&mut |_| Ok(Box::new(fake.clone())), looks, hook).map(|_| ())
        });
        scene.registrar().observe(&silent, day(96)).unwrap();
        let mut ends = day(97);
        killed(&mut |registrar, hook| {
            // The posture, then the proposal.
            ends += 1000;
            registrar.dispatch(&mut |_| Ok(Box::new(fake.clone())), ends, hook)?;
            registrar.dispatch(&mut |_| Ok(Box::new(fake.clone())), ends, hook).map(|_| ())
        });
        let registrar = scene.registrar();
        assert!(stopped > 0, "{at_step} is passed");
        assert_eq!((state(&registrar, &id), registrar.store.waiting().unwrap()), (State::DeactivationProposed, 0), "{at_step}");
        assert_eq!(registrar.store.issued_for(&id).unwrap().len(), 2, "{at_step}");
        let there = scene.fake.there();
        assert_eq!((there.listed.len(), there.proposals["e-r1"].len()), (2, 1), "{at_step}: signed twice, proposed once");
        drop(there);
        assert_eq!(scene.fake.states(&id), ["verified", "renewed", "stale"], "{at_step}");
        assert!(enrollment::audit::verify(registrar.store.audit().unwrap().into_iter()).is_ok());
    }
}
