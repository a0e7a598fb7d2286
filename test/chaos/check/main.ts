/* npm run chaos -- --store redis --pool threads --minutes 5 --seed N: faults on real processes, then the checker. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Plan, POOLS, planOf, STORES } from './plan.ts'
import { type Report, runPlan } from './run.ts'

const OPTIONS = {
  store: { type: 'string', default: 'sqlite' },
  pool: { type: 'string', default: 'inline' },
  minutes: { type: 'string', default: '1' },
  seed: { type: 'string' },
  plan: { type: 'string' },
  'print-plan': { type: 'boolean', default: false },
} as const

/** Violations that are printed; the rest is counted. */
const SHOWN = 10

function readArguments(): { plan: Plan; print: boolean } {
  const { values } = parseArgs({ options: OPTIONS })
  const print = values['print-plan']
  if (values.plan !== undefined) return { plan: JSON.parse(readFileSync(values.plan, 'utf8')) as Plan, print }
  const store = oneOf('store', STORES, values.store)
  const pool = oneOf('pool', POOLS, values.pool)
  const minutes = Number(values.minutes)
  if (!(minutes > 0)) throw new TypeError(`--minutes: expected a number above 0, got ${values.minutes}`)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32))
  if (!Number.isSafeInteger(seed)) throw new TypeError(`--seed: expected a whole number, got ${values.seed}`)
  return { plan: planOf({ store, pool, minutes, seed }), print }
}

function oneOf<Value extends string>(name: string, values: readonly Value[], value: string): Value {
  const found = values.find((one) => one === value)
  if (found === undefined) throw new TypeError(`--${name}: expected one of ${values.join(', ')}, got ${value}`)
  return found
}

function print({ violations, submitted, done, doubles, kills }: Report): void {
  for (const { rule, id, text, evidence } of violations.slice(0, SHOWN)) {
    console.log(`\n${rule}: task ${id} ${text}\n  ${evidence.join('\n  ')}`)
  }
  if (violations.length > SHOWN) console.log(`\n… and ${violations.length - SHOWN} more`)
  console.log('')
  console.table({ submitted, done, doubles, kills, violations: violations.length })
}

function argumentsOrEnd(): ReturnType<typeof readArguments> {
  try {
    return readArguments()
  } catch (error) {
    console.error(`chaos: ${(error as Error).message.split('\n')[0]}`)
    process.exit(2)
  }
}

const { plan, print: printOnly } = argumentsOrEnd()
const { store, pool, minutes, seed } = plan
const again = `npm run chaos -- --store ${store} --pool ${pool} --minutes ${minutes} --seed ${seed}`
if (printOnly) console.log(JSON.stringify(plan, undefined, 2))
else {
  console.log(`chaos: ${store}, ${pool}, ${minutes} minutes, seed ${seed}`)
  const report = await runPlan(plan, { say: (line) => console.log(line) })
  print(report)
  if (report.violations.length > 0) {
    console.log(`the same run again: ${again}`)
    process.exitCode = 1
  }
}
