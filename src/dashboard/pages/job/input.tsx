import type { JSX } from 'preact'
import { ProblemError } from '../../../client/problem.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { Loading } from '../../parts/loading.tsx'
import { Problem } from '../../parts/problem.tsx'
import { TitledJson } from '../../parts/text/titledJson.tsx'
import type { KnownJob } from './model.ts'
import { Printed } from './result.tsx'

/** What a job was called with: as it is kept, where the user may see it, else as the recorder prints it. */
export function JobInput({ id, known }: { id: string; known: KnownJob }): JSX.Element {
  return (
    <section class="card" aria-labelledby="job-given">
      <h2 id="job-given">Input</h2>
      {known.info ? <Kept id={id} known={known} /> : <Texts known={known} />}
    </section>
  )
}

/** Answers that say that it is not kept, or not for this user: the recorder may have its text. */
const EXPECTED: ReadonlySet<string> = new Set(['forbidden', 'input-not-kept', 'unknown-job', 'not-found'])

function Kept({ id, known }: { id: string; known: KnownJob }): JSX.Element {
  const { data, error } = useResource((signal) => client.recorded.input(id, { signal }), [id])
  if (error && !(error instanceof ProblemError && EXPECTED.has(error.kind))) return <Problem error={error} />
  if (error) return <Texts known={known} />
  if (!data) return <Loading />
  const { args, kwargs, concealed } = data
  const isEmpty = sizeOf(args) === 0 && sizeOf(kwargs) === 0
  return (
    <>
      {isEmpty && <p class="quiet">It was called without arguments.</p>}
      {sizeOf(args) > 0 && <TitledJson value={args} label="Arguments" />}
      {sizeOf(kwargs) > 0 && <TitledJson value={kwargs} label="Keyword arguments" />}
      {concealed && <p class="quiet">… stands for what a codec or the option sensitive of the task covers.</p>}
    </>
  )
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0
}

function Texts({ known: { history } }: { known: KnownJob }): JSX.Element {
  const { args, kwargs } = history?.job ?? {}
  if (args === undefined && kwargs === undefined)
    return <p class="quiet">It is not kept here, and no event has its text.</p>
  const hasKwargs = kwargs !== undefined && kwargs !== '{}'
  return (
    <>
      {args !== undefined && (args !== '()' || !hasKwargs) && (
        <>
          <h3>Arguments</h3>
          <Printed text={args} label="Arguments" />
        </>
      )}
      {hasKwargs && (
        <>
          <h3>Keyword arguments</h3>
          <Printed text={kwargs} label="Keyword arguments" />
        </>
      )}
    </>
  )
}
