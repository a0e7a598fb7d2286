import { useKeys } from './keys.ts'

/**
 * `j` and `k` move the focus through the rows of the page's list: to the link of each that has `data-row`. `Enter` then
 * opens it, as every link.
 */
export function useRowKeys(noun: string): void {
  useKeys([
    { keys: 'j', does: `Next ${noun}, Enter opens it`, run: () => move(1) },
    { keys: 'k', does: `Previous ${noun}`, run: () => move(-1) },
  ])
}

function move(step: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>('main [data-row]')]
  const row = document.activeElement?.closest('tr')
  const at = links.findIndex((link) => link === document.activeElement || (row && link.closest('tr') === row))
  const next = links[at === -1 ? (step === 1 ? 0 : links.length - 1) : at + step]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
}
