//! A full disk.

use super::*;

#[tokio::test]
async fn a_full_disk_loses_nothing_and_with_space_again_the_same_change_is_applied() {
    let folder = Folder::new();
    let (store, mut writer) = (folder.store(), Writer::new("w1"));
    applied(&store, &writer.create()).await;
    store.limit_pages(1).await.unwrap();
    let mut last = store.look().await.unwrap();
    // What still fits into the pages that there are is written.
    let (change, error) = loop {
        let change = writer.mark();
        match store.commit(&change).await {
            Ok(Committed::Applied(state)) => last = Some(state),
            Ok(other) => panic!("{other:?}"),
            Err(error) => break (change, error),
        }
        writer.beat += 1;
        assert!(writer.beat < 3_000, "the disk is never full");
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let said = error.to_string();
    assert!(said.contains("state.db") && said.contains("free some space"), "{said}");
    assert_eq!(store.look().await.unwrap(), last, "what is stored stays");
    assert_eq!(folder.store().look().await.unwrap(), last, "for everybody");
    assert!(store.commit(&change).await.is_err(), "it is still full");
    store.limit_pages(u32::MAX).await.unwrap();
    let after = applied(&store, &change).await;
    assert_eq!(Committed::Applied(after), change.apply(last.as_ref()));
}
