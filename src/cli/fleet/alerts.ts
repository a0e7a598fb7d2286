import type { RuleReport, TestAnswer } from '../../alerts/alerts.ts'
import { ruleDocument } from '../../alerts/document.ts'
import type { App } from '../../app/app.ts'
import { ConfigError } from '../../std/errors.ts'
import { alertsOf } from '../alertFile.ts'
import { columnsText } from '../columns.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { printable } from './printable.ts'

export interface AlertsCommandOptions extends AppOptions {
  /** Send a message to each receiver instead. */
  test?: boolean
  recorderFile?: string
  name?: string
  json?: boolean
}

/**
 * `celeriac alerts`: what each rule finds now, and how its alerts stand. The exit code is 1 where a rule finds
 * something, an alert has no recovery yet, or a rule cannot be looked at; with `--test`, where a receiver does not
 * accept the message.
 */
export async function alerts(file: string, options: AlertsCommandOptions): Promise<void> {
  const { app: module, name, recorderFile } = options
  if (module !== undefined && (name !== undefined || recorderFile !== undefined))
    throw new ConfigError('alerts: expected --name and --recorder-file without a module, got -A, which has its own')
  const plain = { name, recorder: recorderFile === undefined || { file: recorderFile } }
  const isWell = await withApp({ ...options, plain }, (app) =>
    options.test ? test(app, file, options) : look(app, file, options),
  )
  if (!isWell) process.exitCode = 1
}

async function test(app: App, file: string, { json }: AlertsCommandOptions): Promise<boolean> {
  const receivers = await (await alertsOf(app, file)).test()
  const lines = receivers.map((answer) => `${printable(answer.receiver)} ${answerText(answer)}`)
  process.stdout.write(`${json ? jsonText({ receivers }) : lines.join('\n')}\n`)
  return receivers.every(({ problem }) => problem === undefined)
}

function answerText({ status, problem }: TestAnswer): string {
  return problem === undefined ? `has accepted it: status ${status}` : `has not accepted it: ${printable(problem)}`
}

async function look(app: App, file: string, { json }: AlertsCommandOptions): Promise<boolean> {
  const reports = await (await alertsOf(app, file)).report()
  process.stdout.write(`${json ? jsonText({ rules: reports.map(ruleDocument) }) : columnsText(rowsOf(reports))}\n`)
  return reports.every(
    ({ readings, states, problem }) =>
      problem === undefined && readings.length === 0 && states.every(({ status }) => status === 'pending'),
  )
}

function rowsOf(reports: readonly RuleReport[]): string[][] {
  return [['rule', 'on', 'alert', 'finds'], ...reports.flatMap((report) => rowsOfRule(report))]
}

/** A row for each subject, as a queue; one where there is none. */
function rowsOfRule({ rule, on, readings, states, problem }: RuleReport): string[][] {
  const row = (alert: string, finds: string): string[] => [printable(rule), on, alert, printable(finds)]
  const byName = new Map(states.map((state) => [state.subject, state.status]))
  const found = readings.map(({ subject, text }) => row(byName.get(subject) ?? '-', text))
  const subjects = new Set(readings.map(({ subject }) => subject))
  const sent = states.filter(({ subject, status }) => !subjects.has(subject) && status !== 'pending')
  const rest = sent.map(({ status, text }) => row(status, `${problem === undefined ? 'over' : 'unknown'}: ${text}`))
  if (problem !== undefined) return [row('-', `cannot be looked at: ${problem}`), ...rest]
  const rows = [...found, ...rest]
  return rows.length === 0 ? [row('-', 'nothing')] : rows
}
