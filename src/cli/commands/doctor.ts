import { diagnose } from '../../doctor/diagnosis.ts'
import { printable } from '../fleet/printable.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'

export interface DoctorCommandOptions extends AppOptions {
  json?: boolean
}

/** `celeriac doctor`: why a job does not run, or what is wrong here. The exit code is 1 where it finds something. */
export async function doctor(id: string | undefined, options: DoctorCommandOptions): Promise<void> {
  const { findings } = await withApp(options, (app) => diagnose(app, id))
  const text = findings.map(({ check, text: line }) => `${check}: ${printable(line)}`).join('\n')
  process.stdout.write(`${options.json ? jsonText({ findings }) : text || 'nothing found'}\n`)
  if (!options.json) process.stderr.write(optionsHint(text, options))
  if (findings.length > 0) process.exitCode = 1
}

/** Commands that a finding names go to the same stores. Not with values: a URL may have a password. */
function optionsHint(text: string, { app, broker, resultBackend }: AppOptions): string {
  const given = Object.entries({ '-A': app, '-b': broker, '--result-backend': resultBackend }).filter(
    ([, value]) => value !== undefined,
  )
  return given.length === 0 || !text.includes(': celeriac ')
    ? ''
    : `give these commands ${given.map(([name]) => name).join(' and ')}, too\n`
}
