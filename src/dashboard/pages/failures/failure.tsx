import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** One group of failures. */
export function Failure({ id }: { readonly id: string }): JSX.Element {
  return <Page title={id}>{null}</Page>
}
