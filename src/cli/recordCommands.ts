import { type Command, Option } from 'commander'
import { CALL_OPTIONS } from '../config/callOptions.ts'
import { command, countFlag, flag, withFilter, withModule, withStores } from './optionHelp.ts'
import { duration, moment, momentOrDuration, wholeNumber } from './values.ts'

/** Commands that read, change or remove the records of tasks. */
export function addRecords(root: Command): void {
  const result = command(root, 'result <id>', 'state and result of a task')
  withStores(withModule(result, false), 'warn')
    .option('-w, --wait [time]', 'wait for its end, at most this long', duration)
    .option('--json', 'the whole record as JSON')
    .action(async (id, options) => (await import('./commands/result.ts')).result(id, options))
  const graph = command(root, 'graph <id>', 'the tree of a workflow, as a flowchart of Mermaid')
  withStores(withModule(graph, false), 'warn')
    .option('--json', 'nodes and edges as JSON')
    .action(async (id, options) => (await import('./commands/graph.ts')).graph(id, options))
  const revoke = command(root, 'revoke [id]', 'a waiting task never runs, a running one is asked to stop')
  withFilter(withStores(withModule(revoke, false), 'warn'))
    .option('--terminate', 'end a running one by force, in pools threads and processes')
    .option('--tree', 'all of the workflow that it is the result of')
    .option('--older-than <time>', 'without an id: those submitted at least this long ago', duration)
    .option('--limit <number>', 'without an id: at most so many; default: 1000', wholeNumber(1, 10_000))
    .option('--dry-run', 'without an id: list them, and change nothing')
    .action(async (id, options) =>
      id === undefined
        ? (await import('./commands/revoke.ts')).revokeMany(options)
        : (await import('./commands/revoke.ts')).revoke(id, options),
    )
  const forget = command(root, 'forget [ids...]', 'remove what is kept of tasks that have ended')
  withStores(withModule(forget, false), 'warn')
    .option('--owner <owner>', 'of this owner')
    .option('--tag <tag>', 'with this tag')
    .option('--dry-run', 'report what would be removed, and change nothing')
    .option('--revoke', 'revoke those that have not ended before')
    .option('-q, --queue <name>', "of ids without a record: the queue that they were sent to; default: the app's")
    .option('--limit <number>', 'without ids: at most so many; default: 1000', wholeNumber(1, 10_000))
    .option('--cursor <cursor>', 'without ids: go on where a call before ended')
    .option('--json', 'the report as JSON')
    .action(async (ids, options) => (await import('./commands/endedJobs.ts')).forget(ids, options))
  const retry = command(root, 'retry [ids...]', 'submit tasks that have failed once more, with the same input')
  withFilter(withStores(withModule(retry, false), 'warn'))
    .option('--error <text>', 'with this text in the class or the message of the error')
    .option('--since <moment>', 'submitted at this moment or later, or so long ago at most, as 1h', momentOrDuration)
    .addOption(new Option('--rate <rate>', 'at most so many in a time, as 300/m'))
    .option('--limit <number>', 'at most so many; default: 1000', wholeNumber(1, 10_000))
    .option('--dry-run', 'list them, and submit nothing')
    .action(async (ids, options) => (await import('./commands/endedJobs.ts')).retry(ids, options))
  const list = command(root, 'list', 'the newest tasks, or those that fit a filter')
  withFilter(withStores(withModule(list, false), 'warn'))
    .option('--since <moment>', 'submitted at this moment or later, as 2026-11-21T08:00:00Z', moment)
    .option('-n, --limit <number>', 'how many', wholeNumber(1, 1000), 50)
    .action(async (options) => (await import('./commands/list.ts')).list(options))
  addChanges(root)
  addDead(root)
}

/** What workers have given up. */
function addDead(root: Command): void {
  const group = command(root, 'dead', 'messages that workers have given up: list, show, edit, send again, drop')
  const own = (words: string, summary: string): Command =>
    withStores(withModule(command(group, words, summary), false), 'warn')
  const filtered = (words: string, summary: string): Command =>
    own(words, summary)
      .option('--task <name>', 'of this task')
      .option('--queue <name>', 'from this queue')
      .option('--reason <reason>', 'given up as failed, rejected, undecodable, unknown, lost or refused')
      .option('--error <text>', 'with this text in the class or the message of the error')
      .option('--since <moment>', 'died at this moment or later, or so long ago at most, as 1h', momentOrDuration)
      .option('--owner <owner>', 'of this owner')
      .option('--tag <tag>', 'with this tag')
      .option('--search <text>', 'with these words in id, name, tags or error')
      .option('--json', 'as JSON')
  filtered('list', 'the newest, or those that fit a filter')
    .option('-n, --limit <number>', 'how many', wholeNumber(1, 1000), 50)
    .option('--cursor <cursor>', 'go on where a call before ended')
    .action(async (options) => (await import('./deadLetters.ts')).list(options))
  own('show <id>', 'why it died, how often, and its input')
    .option('--json', 'as JSON')
    .action(async (id, options) => (await import('./deadLetters.ts')).show(id, options))
  own('edit <id>', 'give it another input')
    .option('--args <json>', 'its arguments from now on, a JSON array; with --kwargs they replace all it had')
    .addOption(flag('-k, --kwargs <json>', CALL_OPTIONS.kwargs, { as: 'a JSON object' }))
    .action(async (id, options) => (await import('./deadLetters.ts')).edit(id, options))
  filtered('redrive [ids...]', 'send them again, the oldest first')
    .option('--all', 'all of them, or with --queue all of a queue')
    .addOption(new Option('--rate <rate>', 'at most so many in a time, as 50/s'))
    .option('--limit <number>', 'at most so many; default: all', wholeNumber(1, 10_000_000))
    .option('--dry-run', 'list them, and send nothing')
    .action(async (ids, options) => (await import('./deadLetters.ts')).redrive(ids, options))
  filtered('drop [ids...]', 'drop them for good')
    .option('--all', 'all of them, or with --queue all of a queue')
    .option('--limit <number>', 'at most so many; default: all', wholeNumber(1, 10_000_000))
    .option('--dry-run', 'list them, and change nothing')
    .action(async (ids, options) => (await import('./deadLetters.ts')).drop(ids, options))
}

/** What changes a task that waits. */
function addChanges(root: Command): void {
  const change = command(root, 'change <id>', 'change a task while it waits')
  withStores(withModule(change, false), 'warn')
    .addOption(flag('--countdown <time>', CALL_OPTIONS.countdown, { as: '10s' }).argParser(duration))
    .addOption(flag('--eta <moment>', CALL_OPTIONS.eta, { as: '2026-11-21T08:00:00Z' }).argParser(moment))
    .addOption(flag('-q, --queue <name>', CALL_OPTIONS.queue))
    .addOption(countFlag('--priority <number>', CALL_OPTIONS.priority))
    .option('--args <json>', 'its arguments from now on, a JSON array; with --kwargs they replace all it had')
    .addOption(flag('-k, --kwargs <json>', CALL_OPTIONS.kwargs, { as: 'a JSON object' }))
    .action(async (id, options) => (await import('./commands/change.ts')).change(id, options))
  const promote = command(root, 'promote <id>', 'a delayed task may run now')
  withStores(withModule(promote, false), 'warn').action(async (id, options) =>
    (await import('./commands/change.ts')).promote(id, options),
  )
}
