import type { Reporter, TestModule } from 'vitest/node'

/** At the end of a run: why tests were skipped, which files took longest, and the counts in one line. */
export class SummaryReporter implements Reporter {
  readonly #slowest: number

  /** `slowest`: how many files are listed. */
  constructor(slowest = 0) {
    this.#slowest = slowest
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 }
    const skips: string[] = []
    for (const module of modules) {
      // A file that could not be loaded has no tests, and fails all the same.
      if (module.errors().length > 0) counts.failed++
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === 'pending') counts.failed++
        else counts[result.state]++
        if (result.state === 'skipped') skips.push(`${module.relativeModuleId}: ${test.fullName}: ${reasonOf(result)}`)
      }
    }
    for (const line of skips) console.log(`skipped ${line}`)
    for (const line of this.#slow(modules)) console.log(line)
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  }

  #slow(modules: readonly TestModule[]): string[] {
    const times = modules.map((module) => ({ name: module.relativeModuleId, ms: timeOf(module) }))
    const sorted = times.sort((a, b) => b.ms - a.ms).slice(0, this.#slowest)
    return sorted.map(({ name, ms }) => `${(ms / 1000).toFixed(1).padStart(6)} s ${name}`)
  }
}

function reasonOf({ note }: { readonly note?: string | undefined }): string {
  return note ?? 'no reason is given'
}

function timeOf(module: TestModule): number {
  const { collectDuration, setupDuration, duration } = module.diagnostic()
  return collectDuration + setupDuration + duration
}
