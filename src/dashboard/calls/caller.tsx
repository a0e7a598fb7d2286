import type { ComponentChildren, JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { type FormHandle, InputForm, type Json, type Reading } from '../form/inputForm.tsx'
import { isList, isObject } from '../form/model/json.ts'
import { Button } from '../parts/ask/button.tsx'
import { fieldProblems } from '../parts/fieldProblems.ts'
import { Problem } from '../parts/problem.tsx'
import type { CallApi } from './api.ts'
import { FileField, takesForms } from './fileField.tsx'
import { JobCard } from './jobCard.tsx'
import { type CallLine, type CallSettings, curlLine, pythonLine, queryText, typeScriptLine } from './line.ts'
import { Lines } from './lines.tsx'
import type { ExposedTask } from './openApi.ts'
import { submitCall } from './submit.ts'

/** Jobs that are followed at once: each takes one of the six connections that a browser opens to a server. */
const MAX_FOLLOWED = 4
/** Jobs that stay listed. */
const MAX_JOBS = 20

export interface CallerProps {
  readonly api: CallApi
  readonly task: Pick<ExposedTask, 'name' | 'path' | 'input' | 'types' | 'hasUploads'>
  /** Has what the schema of the input refers to. */
  readonly document: unknown
  /** What the form begins with. */
  readonly begin?: Json | undefined
  readonly settings: CallSettings
  /** The input is `{ args, kwargs }`, as Celery calls a task. */
  readonly isAny?: boolean
  /** Fields of the settings. */
  readonly more?: ComponentChildren
  /** The server wants a token. */
  readonly authorized: boolean
  /** Why the user may not call it. */
  readonly whyNot?: string | undefined
  /** Something in the settings is wrong: show it. True: nothing is. */
  readonly checkSettings?: () => boolean
  readonly languages: readonly ('TypeScript' | 'Python')[]
  readonly linkOf?: (id: string) => string
}

interface Called {
  readonly id: string
  readonly isEnded: boolean
}

/** The form of a task, the jobs that were made by it, and the same call in code. */
export function Caller(props: CallerProps): JSX.Element {
  const { api, task, linkOf } = props
  const [reading, setReading] = useState<Reading>({ value: undefined, issues: [] })
  const [file, setFile] = useState<File>()
  const [jobs, setJobs] = useState<readonly Called[]>([])
  const end = (id: string): void =>
    setJobs((all) => all.map((job) => (job.id === id ? { ...job, isEnded: true } : job)))
  const followed = jobs.filter(({ isEnded }) => !isEnded).slice(0, MAX_FOLLOWED)
  // The newest job is shown first, and earlier ones stay for comparison.
  const submit = async (): Promise<void> => {
    const id = await submitCall(api, submissionOf(props, reading.value as Json, file))
    setJobs((before) => [{ id, isEnded: false }, ...before].slice(0, MAX_JOBS))
  }
  return (
    <div class="caller">
      <CallForm {...props} submit={submit} read={setReading} isFile={file !== undefined}>
        {task.types.length > 0 && <FileField types={task.types} choose={setFile} />}
      </CallForm>
      <div class="beside">
        {jobs.map((job) => (
          <JobCard
            key={job.id}
            api={api}
            id={job.id}
            isFollowed={job.isEnded || followed.includes(job)}
            onEnd={() => end(job.id)}
            {...(linkOf && { link: linkOf(job.id) })}
          />
        ))}
        <h2>In code</h2>
        <Lines lines={linesOf(props, reading, file)} />
      </div>
    </div>
  )
}

interface CallFormProps extends CallerProps {
  readonly submit: () => Promise<void>
  readonly read: (reading: Reading) => void
  readonly isFile: boolean
  readonly children: ComponentChildren
}

function CallForm(props: CallFormProps): JSX.Element {
  const { task, document: whole, begin, more, whyNot, isFile, children } = props
  const [error, setError] = useState<Error>()
  const form = useRef<FormHandle>(null)
  const submit = async (): Promise<void> => {
    setError(undefined)
    const isGood = isFile || form.current?.check() !== false
    if (props.checkSettings?.() === false || !isGood) return
    try {
      await props.submit()
    } catch (reason) {
      const errors = fieldProblems(reason as Error)
      if (errors.length > 0) form.current?.refuse(errors)
      else setError(reason as Error)
    }
  }
  return (
    <form
      class="card"
      noValidate
      onSubmit={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
        event.preventDefault()
        event.currentTarget.querySelector<HTMLElement>('[type=submit]')?.click()
      }}
    >
      <InputForm schema={task.input} document={whole} input={begin} onChange={props.read} handle={form} />
      {children}
      {more}
      {error && <Problem error={error} />}
      <div class="row">
        <Button kind="primary" submit disabled={whyNot} onPress={submit}>
          Call
        </Button>
        <span class="quiet">
          <kbd>Ctrl</kbd> <kbd>Enter</kbd>
        </span>
      </div>
    </form>
  )
}

function argumentsOf({ isAny }: CallerProps, value: Json | undefined): CallLine['any'] {
  if (!isAny) return undefined
  const { args = [], kwargs = {} } = isObject(value) ? value : {}
  return { args: isList(args) ? args : [], kwargs: isObject(kwargs) ? kwargs : {} }
}

function submissionOf(props: CallerProps, value: Json, file: File | undefined): Parameters<typeof submitCall>[1] {
  const { task, settings } = props
  const any = argumentsOf(props, value)
  const { webhook, idempotencyKey } = settings
  return {
    path: task.path + queryText({ task: task.name, input: value, any, options: settings }),
    body: file
      ? { file, asForm: takesForms(task.types) }
      : { json: any ? { args: any.args, kwargs: any.kwargs } : value },
    headers: {
      ...(webhook !== undefined && { 'celeriac-webhook': webhook }),
      ...(idempotencyKey !== undefined && { 'idempotency-key': `"${idempotencyKey.replace(/["\\]/g, '\\$&')}"` }),
    },
    hasUploads: task.hasUploads,
  }
}

function linesOf(
  props: CallerProps,
  { value, issues }: Reading,
  file: File | undefined,
): { title: string; label: string; text: string }[] {
  const { api, task, settings, authorized, languages } = props
  const isBroken = issues.some(({ message }) => message.startsWith('Not JSON'))
  const input = isBroken ? undefined : value
  const { type = '', name = '' } = file ?? {}
  const call: CallLine = {
    task: task.name,
    input,
    any: argumentsOf(props, input),
    options: settings,
    file: file && { name, type: type || 'application/octet-stream', asForm: takesForms(task.types) },
  }
  const curl = { title: 'curl', label: 'Command', text: curlLine(api.url + task.path, call, { authorized }) }
  if (file) return [curl]
  const others = { TypeScript: typeScriptLine, Python: pythonLine }
  return [curl, ...languages.map((title) => ({ title, label: title, text: others[title](call) }))]
}
