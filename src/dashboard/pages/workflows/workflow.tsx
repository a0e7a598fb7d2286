import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** One workflow. */
export function Workflow({ id }: { readonly id: string }): JSX.Element {
  return <Page title={id}>{null}</Page>
}
