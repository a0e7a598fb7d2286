import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** Call a task. */
export function Call(): JSX.Element {
  return <Page title="Call a task">{null}</Page>
}
