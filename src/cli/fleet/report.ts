import { arch, platform, release } from 'node:os'
import type { App } from '../../app/app.ts'
import { shownSettings } from '../../config/shownSettings.ts'
import { Control } from '../../control/control.ts'
import { isRecord } from '../../std/isRecord.ts'
import { isStoreAway } from '../../std/thrown.ts'
import { version } from '../../std/version.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { printable } from './printable.ts'

export interface ReportCommandOptions extends AppOptions {
  /** ms */
  timeout?: number
  json?: boolean
}

interface Report {
  readonly software: Readonly<Record<string, string | undefined>>
  readonly platform: Readonly<Record<string, string>>
  /** By Celery's names, without secrets: those that differ from the default. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly tasks: readonly string[]
  /** What each worker that replied says of itself. */
  readonly workers: Readonly<Record<string, string>>
  /** Why no workers were asked. */
  readonly problem?: string
}

/** `celeriac report`: what belongs in a report of a bug, without secrets. A store that does not answer is reported. */
export async function report(options: ReportCommandOptions): Promise<void> {
  const found = await withApp(options, (app) => reportOf(app, options.timeout))
  process.stdout.write(`${options.json ? jsonText(found) : reportText(found)}\n`)
}

async function reportOf(app: App, timeout: number | undefined): Promise<Report> {
  const { node, sqlite, openssl } = process.versions
  return {
    software: { celeriac: version(), node, sqlite, openssl },
    platform: { system: platform(), arch: arch(), release: release() },
    settings: shownSettings(app.config, false),
    tasks: [...app.tasks.keys()].sort(),
    ...(await workersOf(app, timeout)),
  }
}

async function workersOf(app: App, timeout: number | undefined): Promise<Pick<Report, 'workers' | 'problem'>> {
  try {
    const answers = await new Control(app).inspect({ timeout }).report()
    const texts = Object.entries(answers).map(([worker, answer]) => [worker, answerText(answer)] as const)
    return { workers: Object.fromEntries(texts) }
  } catch (error) {
    if (!isStoreAway(error)) throw error
    return { workers: {}, problem: (error as Error).message }
  }
}

function answerText(answer: unknown): string {
  const { ok, error } = isRecord(answer) ? answer : {}
  return typeof ok === 'string' ? ok.trim() : `error: ${String(error)}`
}

function reportText({ software, platform: machine, settings, tasks, workers, problem }: Report): string {
  const pairs = (all: Readonly<Record<string, unknown>>): string =>
    Object.entries(all)
      .map(([name, value]) => `${name}:${value}`)
      .join(' ')
  const answers = Object.entries(workers).flatMap(([worker, text]) => [
    '',
    `worker ${printable(worker)}:`,
    ...text.split('\n').map((line) => (line === '' ? '' : `  ${printable(line)}`)),
  ])
  const none = problem === undefined ? 'no worker replied' : `no worker was asked: ${problem}`
  return [
    `software -> ${pairs(software)}`,
    `platform -> ${pairs(machine)}`,
    '',
    ...Object.entries(settings).map(([name, value]) => `${name}: ${jsonText(value, 0)}`),
    '',
    tasks.length === 0 ? 'no tasks: -A names the module that has them' : `tasks: ${tasks.join(', ')}`,
    ...(answers.length === 0 ? ['', none] : answers),
  ].join('\n')
}
