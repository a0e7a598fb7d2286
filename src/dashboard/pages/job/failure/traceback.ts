/** One call in a stack. */
export interface StackFrame {
  /** As it is written, without the place. */
  readonly name: string
  readonly place: string
  /** The line of the source, where the traceback has it. */
  readonly code?: string
  /** Of a package, of the runtime, of celeriac or Celery: not of the application. */
  readonly isLibrary: boolean
}

/** One error of a chain: the one that ended the job first, its cause next. */
export interface TracedError {
  /** Absent for the first: how the one before came of it. */
  readonly relation?: 'cause' | 'context'
  readonly type: string
  readonly message: string
  /** The innermost call first. */
  readonly frames: readonly StackFrame[]
}

const MAX_ERRORS = 20
const MAX_FRAMES = 300

/** The errors of a traceback, as Node or Python writes it; none where it is neither: then it is shown as text alone. */
export function readTraceback(text: string): readonly TracedError[] {
  const lines = text.split('\n')
  return (lines.some((line) => line.startsWith(PYTHON_HEAD)) ? pythonErrors(lines) : nodeErrors(lines)).slice(
    0,
    MAX_ERRORS,
  )
}

const CAUSED = 'Caused by: '

function nodeErrors(lines: readonly string[]): TracedError[] {
  const errors: TracedError[] = []
  let head: string[] = []
  let frames: StackFrame[] = []
  const close = (): void => {
    if (head.length > 0)
      errors.push({ ...(errors.length > 0 && { relation: 'cause' as const }), ...headOf(head), frames })
    head = []
    frames = []
  }
  for (const line of lines) {
    if (line.startsWith(CAUSED)) {
      close()
      head.push(line.slice(CAUSED.length))
    } else if (line.startsWith('    at ')) {
      if (frames.length < MAX_FRAMES) frames.push(nodeFrame(line.slice(7).trim()))
    } else if (frames.length === 0) head.push(line)
  }
  close()
  return errors.some((error) => error.frames.length > 0) ? errors : []
}

/** `run (file:///app/tasks.ts:5:9)`, `async file:///app/tasks.ts:5:9`. */
function nodeFrame(text: string): StackFrame {
  const open = text.endsWith(')') ? text.lastIndexOf(' (') : -1
  const [name, written] =
    open === -1 ? ['', text.replace(/^async /, '')] : [text.slice(0, open), text.slice(open + 2, -1)]
  const place = written.replace(/^file:\/\//, '')
  return { name, place, isLibrary: isLibrary(place) }
}

const PYTHON_HEAD = 'Traceback (most recent call last):'
const RELATIONS: Readonly<Record<string, 'cause' | 'context'>> = {
  'The above exception was the direct cause of the following exception:': 'cause',
  'During handling of the above exception, another exception occurred:': 'context',
}

/** Python writes the cause before what came of it, and the innermost call last. */
function pythonErrors(lines: readonly string[]): TracedError[] {
  const errors: { relation?: 'cause' | 'context'; head: string[]; frames: StackFrame[] }[] = []
  let current: (typeof errors)[number] | undefined
  let relation: 'cause' | 'context' | undefined
  for (const line of lines) {
    const found = RELATIONS[line.trim()]
    if (found) relation = found
    else if (line.startsWith(PYTHON_HEAD)) {
      current = { head: [], frames: [], ...(relation && { relation }) }
      errors.push(current)
      relation = undefined
    } else if (current && !relation) pythonLine(current, line)
  }
  return errors
    .map((error, at) => ({ ...error, relation: errors[at + 1]?.relation }))
    .toReversed()
    .map(({ relation: own, head, frames }) => ({
      ...(own && { relation: own }),
      ...headOf(head),
      frames: frames.toReversed(),
    }))
}

function pythonLine({ head, frames }: { head: string[]; frames: StackFrame[] }, line: string): void {
  if (head.length === 0 && line.startsWith('  File ')) {
    if (frames.length < MAX_FRAMES) frames.push(pythonFrame(line.slice(7)))
    return
  }
  if (head.length === 0 && line.startsWith('    ')) {
    const last = frames.at(-1)
    // What follows the line of the source are marks under it.
    if (last && last.code === undefined) frames[frames.length - 1] = { ...last, code: line.trim() }
    return
  }
  if (head.length > 0 || (line !== '' && !line.startsWith(' '))) head.push(line)
}

/** `"/srv/tasks.py", line 5, in run`. */
function pythonFrame(text: string): StackFrame {
  const [file = '', line = '', ...rest] = text.split(', ')
  const path = file.replaceAll('"', '')
  const name = rest.join(', ').replace(/^in /, '')
  return { name, place: `${path}:${line.replace('line ', '')}`, isLibrary: isLibrary(path) }
}

/** `TypeError: a message`, which may have more lines. */
function headOf(lines: readonly string[]): { type: string; message: string } {
  const text = lines.join('\n').trim()
  const colon = text.indexOf(': ')
  const type = colon === -1 ? text.replace(/:$/, '') : text.slice(0, colon)
  if (type.length > 200 || /\s/.test(type)) return { type: '', message: text }
  return { type, message: colon === -1 ? '' : text.slice(colon + 2) }
}

const LIBRARIES = [
  '/node_modules/',
  '/site-packages/',
  '/dist-packages/',
  '/lib/python',
  '/celeriac/dist/',
  '/celeriac/src/',
]

function isLibrary(place: string): boolean {
  const path = place.replaceAll('\\', '/')
  return path.startsWith('node:') || path.startsWith('<') || LIBRARIES.some((part) => path.includes(part))
}
