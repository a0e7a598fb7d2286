/**
 * Load what the app, its worker and its beat load at its first use. That takes real time, in which nothing of a test
 * seems to move, so its clock would go on meanwhile. Resolves when all is there.
 */
export async function preload(): Promise<void> {
  await Promise.all([
    import('../../calls/bounds/boundStores.ts'),
    import('../../calls/bounds/boundUses.ts'),
    import('../../calls/bounds/deadLetterWatch.ts'),
    import('../../calls/dead/deadLetters.ts'),
    import('../../calls/jobs/changeJob.ts'),
    import('../../calls/jobs/forgetJobs.ts'),
    import('../../calls/jobs/forgotten.ts'),
    import('../../calls/jobs/knownInput.ts'),
    import('../../calls/jobs/retryJobs.ts'),
    import('../../calls/jobs/revokeJobs.ts'),
    import('../../calls/keys/submitOnce.ts'),
    import('../../canvas/revokeTree.ts'),
    import('../../recorder/forgetHere.ts'),
    import('../../stores/memory/deadLetters.ts'),
    import('../../stores/notedSubmissions.ts'),
    import('../../tasks/batch/batchCall.ts'),
    import('../../worker/limits/leaseWatch.ts'),
    import('../../worker/limits/taskLimits.ts'),
    import('../../worker/task/batch/batches.ts'),
    import('../../worker/task/dropped.ts'),
    import('../../worker/task/processing.ts'),
  ])
}
