//! Some of the boards, in one process: as many voices and simulated eyes on one thread. Ends when its standard input does.

use crate::eye::Eye;
use crate::plan::{BOARDS_A_SITE, Plan, camera, site};
use anyhow::{Context, Result};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;

/// Runs the boards `range` of the plan in `file`.
///
/// # Errors
/// A plan that cannot be read, or a board that cannot start.
pub fn run(file: &Path, range: Range<usize>) -> Result<()> {
    let text = std::fs::read(file).with_context(|| format!("the plan {}", file.display()))?;
    let plan: Plan = serde_json::from_slice(&text).with_context(|| format!("the plan {}", file.display()))?;
    let roots: Arc<[_]> = plan.roots()?.into();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        for board in range {
            let link = plan.link(board);
            let config = voice::config::Config::parse(&plan.voice(board), file)?;
            let eye = Eye::new(site(board / BOARDS_A_SITE), camera(board), Arc::clone(&roots))?;
            tokio::spawn(async move {
                if let Err(cause) = eye.run(&link).await {
                    tracing::error!(board, %cause, "the simulated eye ended");
                }
            });
            tokio::spawn(async move {
                if let Err(cause) = voice::run(config, std::future::pending()).await {
                    tracing::error!(board, %cause, "the voice ended");
                }
            });
        }
        // Nothing comes; the end comes when whoever started us is gone, however that went.
        let mut nothing = [0; 64];
        while tokio::io::stdin().read(&mut nothing).await? > 0 {}
        Ok(())
    })
}
