/** Options of most commands that Celery takes before the command: each has a value. */
const SHARED_OPTION = /^(?:(-[Abl])(.*)|(--(?:app|broker|result-backend|loglevel))(=.*)?)$/s

/**
 * A command line in Celery's order, `-A tasks worker -c 4`, as ours, `worker -c 4 -A tasks`: options before the command
 * are moved behind its own, or before `--`. One that is not shared by the commands stays, and is refused as any unknown
 * option.
 */
export function commandFirst(args: readonly string[]): readonly string[] {
  let at = 0
  for (let given = SHARED_OPTION.exec(args[at] ?? ''); given; given = SHARED_OPTION.exec(args[at] ?? '')) {
    const [, short, attached, , equal] = given
    at += (short === undefined ? equal !== undefined : attached !== '') ? 1 : 2
  }
  if (at === 0 || at >= args.length || args[at]?.startsWith('-')) return args
  const [moved, rest] = [args.slice(0, at), args.slice(at)]
  const end = rest.indexOf('--')
  return end < 0 ? [...rest, ...moved] : [...rest.slice(0, end), ...moved, ...rest.slice(end)]
}
