import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Figures, Semantics } from '../harness/scenario.ts'
import type { Machine } from '../machine.ts'

/** Raised when the layout changes, so that older files are refused and not misread. */
export const FORMAT = 'celeriac-bench/1'

/** All that one call of the program has measured: what `--json` writes. */
export interface Results {
  readonly format: typeof FORMAT
  /** UTC. */
  readonly started: string
  /** How long it took, s. */
  readonly seconds: number
  readonly commit: string
  readonly machine: Machine
  readonly settings: {
    readonly window: number
    readonly repeats: number
    readonly cold: number
    readonly quick: boolean
  }
  /** As `redis-server 7.0.15`. */
  readonly servers: readonly string[]
  readonly scenarios: readonly { readonly name: string; readonly title: string }[]
  readonly entrants: readonly EntrantFacts[]
  /** What was asked for and cannot be measured here, and why. */
  readonly missing: readonly { readonly scenario: string; readonly entrant: string; readonly problem: string }[]
  readonly runs: readonly Run[]
  readonly failures: readonly Failure[]
}

export interface EntrantFacts {
  readonly scenario: string
  readonly entrant: string
  readonly version: string
  readonly semantics: Semantics
}

/** One measurement. */
export interface Run {
  readonly scenario: string
  readonly entrant: string
  /** From 1. */
  readonly repeat: number
  readonly figures: Figures
}

/** A measurement that came to no figures, or whose check failed. */
export interface Failure {
  readonly scenario: string
  readonly entrant: string
  readonly repeat: number
  readonly problem: string
}

export function saveResults(file: string, results: Results): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
}

/** Throws where the file has another format. */
export function loadResults(file: string): Results {
  const { format, ...results } = JSON.parse(readFileSync(file, 'utf8')) as Results
  if (format !== FORMAT) throw new Error(`${file}: expected the format ${FORMAT}, got ${format}`)
  return { format, ...results }
}
