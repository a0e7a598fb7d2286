import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** One entry of the schedule. */
export function Schedule({ id }: { readonly id: string }): JSX.Element {
  return <Page title={id}>{null}</Page>
}
