import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** Schedules. */
export function Schedules(): JSX.Element {
  return <Page title="Schedules">{null}</Page>
}
