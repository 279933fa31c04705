use std::collections::HashMap;

use super::*;

#[test]
fn changes_fit_and_flaws_do_not() {
    let (mut tried, mut refused) = (HashMap::new(), HashMap::new());
    for seed in 0..10 {
        let mut generator = Generator::new(seed);
        for flaw in Flaw::ALL.iter().copied().cycle().take(200) {
            let state = generator.state();
            let fitting = generator.change(Some(&state), None);
            assert!(fitting.holds(Some(&state)), "seed {seed}: {fitting:#?}");
            let flawed = generator.change(Some(&state), Some(flaw));
            *tried.entry(format!("{flaw:?}")).or_insert(0) += 1;
            *refused.entry(format!("{flaw:?}")).or_insert(0) +=
                u32::from(!flawed.holds(Some(&state)));
        }
    }
    // Not every state has what each flaw needs.
    for (flaw, tried) in tried {
        assert!(refused[&flaw] * 2 > tried, "{flaw}: {} of {tried}", refused[&flaw]);
    }
}
