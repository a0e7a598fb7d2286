import type { ComponentChildren, JSX } from 'preact'
import type { Resource } from '../api/resource.ts'
import { Loading } from './loading.tsx'
import { Problem } from './problem.tsx'

export interface PageProps {
  readonly title: ComponentChildren
  /** Beside the title: buttons, fields. */
  readonly actions?: ComponentChildren
  readonly children: ComponentChildren
}

/** A page: its title, what can be done, and what it shows. */
export function Page({ title, actions, children }: PageProps): JSX.Element {
  return (
    <>
      <header class="head">
        <h1 tabIndex={-1}>{title}</h1>
        {actions !== undefined && <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  )
}

/** What was loaded, or why it was not. What is there stays while it is loaded again, beside the problem. */
export function Shown<T>(props: {
  of: Pick<Resource<T>, 'data' | 'error' | 'reload'>
  children: (data: T) => ComponentChildren
}): JSX.Element {
  const { data, error, reload } = props.of
  return (
    <>
      {error && <Problem error={error} retry={reload} />}
      {data === undefined ? !error && <Loading /> : props.children(data)}
    </>
  )
}
