import { existsSync, renameSync, writeFileSync } from 'node:fs'

/** Of Debian's package faketime. */
const LIBRARIES = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)

/** The library that sets the wall clock of single processes; undefined where it is not installed. */
export const FAKE_CLOCK: string | undefined = LIBRARIES.find((path) => existsSync(path))

/** Variables of a process whose wall clock follows this file. Its monotonic clock, and so its timers, stay true. */
export function fakeClockVariables(file: string): Record<string, string> {
  return {
    LD_PRELOAD: FAKE_CLOCK ?? '',
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: '0',
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  }
}

/** Set the clocks that follow this file to as many ms after those of the machine; negative: before. */
export function setFakeClock(file: string, ms: number): void {
  const seconds = (ms / 1000).toFixed(3)
  // A reader never sees half of it.
  writeFileSync(`${file}.new`, ms < 0 ? seconds : `+${seconds}`)
  renameSync(`${file}.new`, file)
}
