import { Argument, Command, Option } from 'commander'
import { SCHEDULE_OPTIONS } from '../beat/scheduleOptions.ts'
import { CALL_OPTIONS } from '../config/callOptions.ts'
import { SERVE_OPTIONS } from '../http/server/serveOptions.ts'
import { CONTROL_COMMANDS } from '../protocol/controlCommands.ts'
import { redactUrl } from '../std/url.ts'
import { version } from '../std/version.ts'
import { POOLS, WORKER_OPTIONS } from '../worker/options.ts'
import { oneLine } from './exit.ts'
import {
  choiceFlag,
  command,
  countFlag,
  flag,
  flagWithDefault,
  timeFlag,
  withModule,
  withStores,
} from './optionHelp.ts'
import { addRecords } from './recordCommands.ts'
import {
  controlled,
  duration,
  maxMin,
  moment,
  momentOrDuration,
  names,
  seconds,
  share,
  sizes,
  weights,
  wholeNumber,
} from './values.ts'

const CONTROL = { as: 'inspect,revoke (none: no command)', absent: 'all' }
/** As Flower's. */
const DASHBOARD_PORT = 5555
const HOSTNAME = {
  as: 'mail@%h (%h: host name)',
  absent: 'celeriac@%h, with a number where that is taken',
}

/** The command line: what may be written. What a command does is in its own file, loaded when it is called. */
export function program(): Command {
  const root = new Command('celeriac')
    .description('Background tasks for TypeScript.')
    .version(version(), '-V, --version')
    .configureOutput({
      outputError: (text, write) => write(`celeriac: ${oneLine(withoutUrls(text.replace(/^error: /, '')))}\n`),
    })
    .exitOverride()
    .showSuggestionAfterError()
    .hook('preAction', (own, action) => void own.setOptionValue('debug', action.opts().loglevel === 'debug'))
  addServers(root)
  addDashboard(root)
  addWorker(root)
  addCall(root)
  addRecords(root)
  addStore(root)
  addLimits(root)
  addFleet(root)
  addControl(root)
  addSchedule(root)
  return root
}

/** What the parser says of arguments repeats them: a URL among them, in a wrong place, may have a password. */
function withoutUrls(text: string): string {
  const urls = process.argv.flatMap((argument) => /[a-z][a-z0-9+.-]*:\/\/.*$/is.exec(argument)?.[0] ?? [])
  return urls.reduce((line, url) => line.replaceAll(url, redactUrl(url)), text)
}

function addServers(root: Command): void {
  const dev = command(root, 'dev [module]', 'HTTP API and worker in one process, restarted when the code changes')
  withWorker(withAddress(withStores(dev, 'info')), '2s')
    .option('--no-reload', 'do not watch the code')
    .option('--poll', 'watch the code by polling: for bind mounts and network drives')
    .option('--no-metrics', 'do not collect Prometheus metrics')
    .action(async (module, options) => (await import('./commands/dev.ts')).dev(module, options))
  const serve = command(root, 'serve', 'HTTP API for the tasks of a module, without a worker')
  withBeat(withAddress(withStores(withModule(serve, true), 'info')))
    .option(
      '-w, --workers <number>',
      'number of processes; SIGHUP replaces them by processes with the current code',
      wholeNumber(1, 1024),
    )
    .option('--no-access-log', 'do not log requests')
    .option('--no-metrics', 'do not collect Prometheus metrics')
    .action(async (options) => (await import('./commands/serve.ts')).serve(options))
}

/** `celeriac dashboard`. */
function addDashboard(root: Command): void {
  const dashboard = command(root, 'dashboard', 'REST API of a whole fleet, also of Celery in Python, without a module')
  withAddress(withStores(dashboard, 'warn'), DASHBOARD_PORT)
    .option('--token-file <path>', 'who may use it: lines with a token, an id and a role (viewer, operator, admin)')
    .option('--no-token', 'every process of this machine may use it: at a loopback address alone')
    .option('--read-only', 'change nothing')
    .option('--trust-proxy <addresses>', 'IP addresses of proxies whose X-Forwarded-For and -Proto are accepted', names)
    .option(
      '--recorder-file <path>',
      'where the recorder keeps what it saw; default: beside the SQLite store, else in .celeriac',
    )
    .option('--alerts <file>', 'a JSON file with rules: what is watched, and who gets the alerts')
    .option('--name <name>', 'name of the app whose schedule it shows; default: the default name of apps')
    .action(async (options) => (await import('./dashboardService.ts')).dashboard(options))
}

function addWorker(root: Command): void {
  const worker = command(root, 'worker', 'run the tasks of a module')
  withHealth(withBeat(withWorker(withStores(withModule(worker, true), 'info'))))
    .addOption(flag('-X, --exclude-queues <names>', WORKER_OPTIONS.excludeQueues, { as: 'slow' }).argParser(names))
    .addOption(countFlag('--max-tasks <number>', WORKER_OPTIONS.maxTasks))
    .addOption(flag('--max-event-loop-utilization <share>', WORKER_OPTIONS.maxEventLoopUtilization).argParser(share))
    .addOption(countFlag('--max-memory <kilobytes>', WORKER_OPTIONS.maxMemory))
    .addOption(timeFlag('--max-outage <time>', WORKER_OPTIONS.maxOutage))
    .option('--purge', 'drop what waits in its queues before it starts, without a question')
    .option(
      '--soft-shutdown-timeout <time>',
      'how long running tasks may go on after SIGQUIT or a second signal; default: they are requeued at once',
      duration,
    )
    .option('--pidfile <path>', 'a file with the id of this process; refused while the process in it runs')
    .option('-D, --detach', 'refused: a service manager keeps a worker running')
    .action(async (options) => (await import('./commands/worker.ts')).worker(options))
}

/** What a fleet of workers does. */
function addFleet(root: Command): void {
  const events = command(root, 'events', 'the events of all workers, a line for each as it comes')
  withStores(withModule(events, false), 'warn')
    .option('--type <types>', "events of these types alone, as 'task-*,worker-offline'", names)
    .option('-d, --dump', 'what it does anyway; for those who know it from Celery')
    .option('--json', 'one JSON object for each event')
    .action(async (options) => (await import('./fleet/events.ts')).events(options))
  const top = command(root, 'top', 'workers, queues, rates and running tasks, on a screen with keys')
  withStores(withModule(top, false), 'warn')
    .option('--once', 'print it once, as text; where there is no terminal it always does')
    .option('--json', 'print it once, as JSON')
    .option('--enable-events', 'all workers send events of their tasks from now on; they stay on')
    .action(async (options) => (await import('./top/top.ts')).top(options))
  const alerts = command(root, 'alerts <file>', 'what the rules of alerts in a JSON file find now; sends nothing')
  withStores(withModule(alerts, false), 'warn')
    .option('--test', 'send one test message to each receiver instead, and print how it answers')
    .option('--recorder-file <path>', 'without a module: the file of the recorder; default: as of dashboard')
    .option('--name <name>', 'without a module: name of the app whose schedule is looked at')
    .option('--json', 'as JSON')
    .action(async (file, options) => (await import('./fleet/alerts.ts')).alerts(file, options))
  const report = command(root, 'report', 'what belongs in a report of a bug: versions, settings, tasks, and workers')
  withTimeout(withStores(withModule(report, false), 'warn'))
    .option('--json', 'as JSON')
    .action(async (options) => (await import('./fleet/report.ts')).report(options))
  command(root, 'completion', 'a script by which a shell completes this command line')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(async (shell) => (await import('./completion/completion.ts')).completion(root, shell))
}

/** Remote control of workers, with Celery's names and order of arguments. */
function addControl(root: Command): void {
  const summaries = { inspect: 'ask workers what they do', control: 'change what workers do' } as const
  for (const kind of ['inspect', 'control'] as const) {
    const remote = command(root, `${kind} <command> [args...]`, summaries[kind])
    withTimeout(withStores(withModule(remote, false), 'warn'))
      .option(
        '-d, --destination <names>',
        'these workers, as celery@a,celeriac@%h (%h: host name); default: all',
        names,
      )
      .option('-j, --json', 'as JSON')
    if (kind === 'control')
      remote
        .option('--seconds <number>', 'of profile: how long; default: 10', wholeNumber(1, 60))
        .option('--slot <number>', 'of profile: a thread or process, as where shows it', wholeNumber(1, 10_000))
    remote
      .addHelpText('after', () => commandList(kind))
      .action(async (name, args, options) => (await import('./fleet/remote.ts')).remote(kind, name, args, options))
  }
}

/** For the help: each command with its arguments, and what it is for. */
function commandList(kind: 'inspect' | 'control'): string {
  const rows = [...CONTROL_COMMANDS]
    .filter(([, { kind: own, hidden }]) => own === kind && !hidden)
    .map(([name, { usage, doc }]) => [usage === undefined ? name : `${name} ${usage}`, doc] as const)
  const width = Math.min(Math.max(...rows.map(([words]) => words.length)), 40)
  return ['', 'Commands:', ...rows.map(([words, doc]) => `  ${words.padEnd(width)}  ${doc}`)].join('\n')
}

/** Beat, and the commands for its schedule; the relay of an outbox. */
function addSchedule(root: Command): void {
  const relay = command(root, 'outbox', 'publish the jobs that wait in the outbox of a database of yours')
  withStores(withModule(relay, true), 'info')
    .requiredOption('--database <url>', 'of the outbox: postgres://…, or a SQLite file')
    .option('--table <name>', 'its table; default: celeriac_outbox')
    .option('--batch <number>', 'how many rows it takes at once; default: 200', wholeNumber(1, 10_000))
    .action(async (options) => (await import('./outboxService.ts')).outbox(options))
  const beat = command(root, 'beat', 'send the tasks of the schedule when they are due')
  withHealth(withStores(withModule(beat, true), 'info')).action(async (options) =>
    (await import('./commands/beat.ts')).beat(options),
  )
  const group = command(root, 'schedule', 'the entries of the schedule')
  const own = (words: string, summary: string): Command =>
    withStores(withModule(command(group, words, summary), true), 'warn')
  own('list', 'every entry, and its state')
    .option('--json', 'as JSON')
    .action(async (options) => (await import('./commands/schedule.ts')).list(options))
  own('next [name]', 'the next times of one entry, or of all together')
    .option('-n, --count <number>', 'how many', wholeNumber(1, 1000), 10)
    .option('--json', 'as JSON')
    .action(async (name, options) => (await import('./commands/schedule.ts')).next(name, options))
  own('run <name>', 'send its task now').action(async (name, options) =>
    (await import('./commands/schedule.ts')).run(name, options),
  )
  const changes = {
    pause: 'send no runs of it until it is resumed',
    resume: 'end its pause',
    remove: 'remove it',
  } as const
  for (const doing of ['pause', 'resume', 'remove'] as const) {
    own(`${doing} <name>`, changes[doing]).action(async (name, options) =>
      (await import('./commands/schedule.ts')).change(doing, name, options),
    )
  }
  addScheduleAdd(own('add <name> <task> [args...]', 'add an entry; each argument is JSON'))
}

function addScheduleAdd(own: Command): void {
  own
    .option('--cron <expression>', "when: five fields, or six with seconds first, as '*/5 * * * *'")
    .option('--tz <zone>', 'time zone of --cron, as Europe/Berlin')
    .option('--every <time>', 'when: at the multiples of this time, as 30s', duration)
    .option('--at <moment>', 'when: once, as 2026-11-21T08:00:00Z', moment)
    .addOption(flag('-k, --kwargs <json>', CALL_OPTIONS.kwargs, { as: 'a JSON object' }))
    .addOption(flag('-q, --queue <name>', CALL_OPTIONS.queue))
    .addOption(choiceFlag('--missed <policy>', SCHEDULE_OPTIONS.missed, ['skip', 'once']))
    .addOption(choiceFlag('--overlap <policy>', SCHEDULE_OPTIONS.overlap))
    .action(async (name, task, args, options) =>
      (await import('./commands/schedule.ts')).add(name, task, args, options),
    )
}

function addCall(root: Command): void {
  const call = command(root, 'call <name> [args...]', 'send a task; each argument is JSON')
  withStores(withModule(call, false), 'warn')
    .addOption(flag('-k, --kwargs <json>', CALL_OPTIONS.kwargs, { as: 'a JSON object' }))
    .addOption(flag('-q, --queue <name>', CALL_OPTIONS.queue))
    .addOption(flag('--countdown <time>', CALL_OPTIONS.countdown, { as: '10s' }).argParser(duration))
    .addOption(flag('--eta <moment>', CALL_OPTIONS.eta, { as: '2026-11-21T08:00:00Z' }).argParser(moment))
    .addOption(flag('--expires <time>', CALL_OPTIONS.expires).argParser(momentOrDuration))
    .addOption(countFlag('--priority <number>', CALL_OPTIONS.priority))
    .addOption(flag('--task-id <id>', CALL_OPTIONS.taskId))
    .option('-w, --wait [time]', 'wait for the result, at most this long, and print it', duration)
    .action(async (name, args, options) => (await import('./commands/call.ts')).call(name, args, options))
}

function addStore(root: Command): void {
  const status = command(root, 'status', 'the stores, their queues, and tasks by state')
  withStores(withModule(status, false), 'warn')
    .option('-Q, --queues <names>', 'these queues; default: those of the app and its tasks', names)
    .option('--worker <name>', 'this worker has to answer, as celeriac@%h (%h: host name)')
    .option('--json', 'as JSON')
    .action(async (options) => (await import('./fleet/status.ts')).status(options))
  const doctor = command(root, 'doctor [id]', 'why a task does not run, or what is wrong here; changes nothing')
  withStores(withModule(doctor, false), 'warn')
    .option('--json', 'as JSON')
    .action(async (id, options) => (await import('./commands/doctor.ts')).doctor(id, options))
  const purge = command(root, 'purge', 'drop the messages that wait in a queue')
  withStores(withModule(purge, false), 'warn')
    .option('-Q, --queues <names>', "these queues; default: the app's", names)
    .option('-f, --force', 'do not ask')
    .action(async (options) => (await import('./commands/purge.ts')).purge(options))
  const migrate = command(root, 'migrate', 'bring the stores to this version of celeriac, before its processes start')
  withStores(withModule(migrate, false), 'warn')
    .option('--print', 'print what would be done, and change nothing')
    .action(async (options) => (await import('./commands/migrate.ts')).migrate(options))
  const webhook = command(root, 'webhook <url>', 'whether an endpoint of webhooks was disabled because it fails')
  withStores(withModule(webhook, false), 'warn')
    .option('--enable', 'enable it: deliveries go to it again')
    .action(async (url, options) => (await import('./commands/webhook.ts')).webhook(url, options))
  const shell = command(root, 'shell', "a JavaScript prompt with a module's app and tasks, and await")
  withStores(withModule(shell, true), 'warn').action(async (options) =>
    (await import('./commands/shell.ts')).shell(options),
  )
}

/** What is paused, held back and limited, for all workers. */
function addLimits(root: Command): void {
  const own = (name: string, summary: string, kinds: readonly string[]): Command =>
    withStores(withModule(command(root, name, summary), false), 'warn')
      .addArgument(new Argument('<kind>').choices(kinds))
      .argument('<name>')
      .option('--key <key>', 'of a task: this key of its limits alone')
  const summaries = {
    pause: 'begin nothing more of a queue, a task or a limit, on all workers, until it is resumed',
    resume: 'end its pause',
  } as const
  for (const doing of ['pause', 'resume'] as const) {
    own(doing, summaries[doing], ['queue', 'task', 'limit']).action(async (kind, name, options) =>
      (await import('./commands/limits.ts')).change(doing, { kind, name }, options),
    )
  }
  own('hold-back', 'begin nothing of a task or a limit for a time, on all workers', ['task', 'limit'])
    .addArgument(new Argument('<time>', 'as 30s').argParser(duration))
    .action(async (kind, name, time, options) =>
      (await import('./commands/limits.ts')).holdBack({ kind, name }, time, options),
    )
  const limits = command(root, 'limits', 'limits that are in use, paused or held back, and what waits for them')
  withStores(withModule(limits, false), 'warn')
    .option('--rule <name>', 'of this rule alone, as task:mail.send, queue:slow, github')
    .option('--paused', 'those that are paused alone')
    .option('-n, --limit <number>', 'how many', wholeNumber(1, 1000), 50)
    .option('--json', 'as JSON')
    .action(async (options) => (await import('./commands/limits.ts')).limits(options))
}

function withTimeout(own: Command): Command {
  const option = new Option(
    '-t, --timeout <time>',
    'longest wait for the next reply; a number alone is seconds (default: 1s, of where 3s, of profile 10s after its time)',
  )
  return own.addOption(option.argParser(seconds))
}

/** `port`: the command's own default. */
function withAddress(own: Command, port: number = SERVE_OPTIONS.port.default as number): Command {
  return own
    .addOption(flagWithDefault('--host <host>', SERVE_OPTIONS.host))
    .addOption(flagWithDefault('--port <port>', SERVE_OPTIONS.port).default(port).argParser(wholeNumber(0, 65_535)))
    .addOption(flag('--hosts <names>', SERVE_OPTIONS.hosts).argParser(names))
}

function withBeat(own: Command): Command {
  return own.option('-B, --beat', 'also run a beat, which sends the tasks of the schedule')
}

function withHealth(own: Command): Command {
  return own
    .option(
      '--health-port <number>',
      'answer probes (/livez, /readyz) and serve metrics for Prometheus (/metrics) at this port; 0: any free one',
      wholeNumber(0, 65_535),
    )
    .option('--health-host <host>', 'address of that port', SERVE_OPTIONS.host.default)
}

/** `grace`: the command's own default. */
function withWorker(own: Command, grace?: string): Command {
  return own
    .addOption(flag('-c, --concurrency <number>', WORKER_OPTIONS.concurrency).argParser(wholeNumber(1, 100_000)))
    .addOption(flag('--autoscale <max,min>', WORKER_OPTIONS.autoscale, { as: '10,2' }).argParser(maxMin))
    .addOption(countFlag('--prefetch-multiplier <number>', WORKER_OPTIONS.prefetchMultiplier))
    .addOption(flag('--disable-prefetch', WORKER_OPTIONS.disablePrefetch))
    .addOption(flag('--worker-direct', WORKER_OPTIONS.workerDirect))
    .addOption(choiceFlag('-P, --pool <pool>', WORKER_OPTIONS.pool, POOLS))
    .addOption(flag('--task-pools <sizes>', WORKER_OPTIONS.taskPools, { as: 'threads=2,inline=50' }).argParser(sizes))
    .addOption(countFlag('--max-tasks-per-child <number>', WORKER_OPTIONS.maxTasksPerChild))
    .addOption(countFlag('--max-memory-per-child <kilobytes>', WORKER_OPTIONS.maxMemoryPerChild))
    .addOption(countFlag('--child-heap <megabytes>', WORKER_OPTIONS.childHeap))
    .addOption(flag('--time-limit <time>', WORKER_OPTIONS.timeLimit, { as: '5m' }).argParser(duration))
    .addOption(flag('--soft-time-limit <time>', WORKER_OPTIONS.softTimeLimit, { as: '4m' }).argParser(duration))
    .addOption(countFlag('--max-worker-losses <number>', WORKER_OPTIONS.maxWorkerLosses))
    .addOption(countFlag('--max-child-losses <number>', WORKER_OPTIONS.maxChildLosses))
    .addOption(flag('-E, --task-events', WORKER_OPTIONS.taskEvents))
    .addOption(flag('--heartbeat-interval <time>', WORKER_OPTIONS.heartbeatInterval, { as: '2s' }).argParser(duration))
    .addOption(new Option('--without-heartbeat', 'send no heartbeats: as --heartbeat-interval 0'))
    .addOption(flag('-Q, --queues <names>', WORKER_OPTIONS.queues, { as: 'fast=3,slow' }).argParser(weights))
    .addOption(flag('-n, --hostname <name>', WORKER_OPTIONS.hostname, HOSTNAME))
    .addOption(flag('--control <commands>', WORKER_OPTIONS.control, CONTROL).argParser(controlled))
    .addOption(flag('--profile-folder <folder>', WORKER_OPTIONS.profileFolder))
    .addOption(timeFlag('--grace <time>', WORKER_OPTIONS.grace, grace))
}
