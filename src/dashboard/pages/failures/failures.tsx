import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** Failures. */
export function Failures(): JSX.Element {
  return <Page title="Failures">{null}</Page>
}
