/** ` (did you mean add?)` where a name like it is known, else nothing. */
export function suggestion(name: string, known: Iterable<string>): string {
  const limit = Math.max(1, Math.floor(name.length * 0.4))
  const near = [...known]
    .map((candidate) => ({ candidate, distance: nearness(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
  return near[0] ? ` (did you mean ${near[0].candidate}?)` : ''
}

/** 0 or 1 where only the last part of a dotted name was given; else how many letters differ. */
function nearness(name: string, candidate: string): number {
  const last = candidate.slice(candidate.lastIndexOf('.') + 1)
  return Math.min(editDistance(name, candidate), editDistance(name, last) + (last === candidate ? 0 : 1))
}

/** Levenshtein's distance: letters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, replaced))
    }
    row = next
  }
  return row[b.length] as number
}
