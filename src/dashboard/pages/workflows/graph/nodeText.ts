import { count, duration } from '../../../parts/text/format.ts'
import { visible } from '../../../parts/text/outside.tsx'
import type { FlowNode } from '../flow/model.ts'
import { byUrgency, stateWords } from '../flow/stateWords.ts'
import { runOf } from '../flow/times.ts'
import type { Bundle } from './shownGraph.ts'

/** Characters of a name that are drawn; of a longer one the end, which says more. */
const NAME = 21

/** The name of a task as it is drawn in a box. */
export function shortName(task: string | null): string {
  if (task === null) return 'Not recorded'
  const text = visible(task.slice(-200))
  return text.length > NAME ? `…${text.slice(1 - NAME)}` : text
}

export function nameOf(task: string | null): string {
  return task === null ? 'a job that is not recorded' : visible(task.slice(0, 200))
}

/** The second line of a job: its state, how long it ran, and whether it is on the critical path. */
export function nodeWords(node: FlowNode, now: number, isCritical: boolean): string {
  const run = runOf(node, now)
  const words = [visible(node.state.slice(0, 16))]
  if (run !== undefined) words.push(duration(run))
  if (isCritical) words.push('critical')
  return words.join(' · ')
}

/** As `1,987 × images.resize`, or `1,987 jobs`. */
export function bundleName({ count: jobs, task }: Bundle): string {
  return typeof task === 'string' ? `${count(jobs)} × ${shortName(task)}` : `${count(jobs)} jobs`
}

export function bundleStates({ states }: Bundle): string {
  return stateWords(byUrgency(states))
}
