import { isBusy } from '../machine.ts'
import type { Results } from './results.ts'
import { cell, summarize, text } from './summary.ts'
import { table } from './table.ts'
import { judge } from './targets.ts'

/** What the program prints at its end. */
export function terminalText(results: Results): string {
  return [facts(results), ...figures(results), semantics(results), verdicts(results), problems(results)]
    .filter((part) => part !== '')
    .join('\n\n')
}

function facts({ machine, servers, settings, commit }: Results): string {
  const { node, platform, cores, cpu, memoryGiB, load } = machine
  const { window, repeats, cold } = settings
  return [
    `commit ${commit}; Node ${node}, ${servers.join(', ')}, ${platform}, ${cores} cores of ${cpu}, ${memoryGiB} GiB`,
    `windows of ${window} s, ${repeats} interleaved repeats; cold: the first ${cold.toLocaleString('en')} tasks of a process`,
    `load average at the start: ${load}${isBusy(machine) ? '. WARNING: the machine is busy; rates are too low' : ''}`,
  ].join('\n')
}

function figures(results: Results): string[] {
  return summarize(results).map(({ scenario, title, entrants, figures, of }) => {
    const rows = figures.map((figure) => [`  ${figure}`, ...entrants.map((entrant) => cell(of(figure, entrant)))])
    return `${scenario}: ${title}\n${table([['  median (min - max)', ...entrants], ...rows])}`
  })
}

/** Once for each store and entrant. */
function semantics({ entrants }: Results): string {
  const lines = new Map(
    entrants.flatMap(({ scenario, entrant, version, semantics }) => {
      const { ack, result, durable, events } = semantics
      const facts = `${version}\n  ack: ${ack}\n  result: ${result}\n  durable: ${durable}\n  events: ${events}`
      return scenario.endsWith('/beat') ? [] : [[`${scenario.split('/')[0]} ${entrant}`, facts] as const]
    }),
  )
  return [...lines].map(([name, facts]) => `${name}: ${facts}`).join('\n')
}

function verdicts(results: Results): string {
  if (results.settings.quick) return ''
  const rows = judge(results).map(({ name, value, expected, holds }) => [
    name,
    text(value),
    `${expected} ${holds ? 'holds' : 'MISSED'}`,
  ])
  return rows.length === 0 ? '' : table([['', 'measured', 'must hold'], ...rows])
}

function problems({ missing, failures }: Results): string {
  return [
    ...missing.map(({ scenario, entrant, problem }) => `${scenario} without ${entrant}: ${problem}`),
    ...failures.map(
      ({ scenario, entrant, repeat, problem }) => `FAILED: ${scenario} ${entrant}, repeat ${repeat}: ${problem}`,
    ),
  ].join('\n')
}
