/** Programs of one version, and how many of them there are. */
export interface VersionGroup {
  readonly program: string
  readonly count: number
}

/** The most common first. */
export function versionGroups(programs: readonly string[]): readonly VersionGroup[] {
  const counts = new Map<string, number>()
  for (const program of programs) counts.set(program, (counts.get(program) ?? 0) + 1)
  return [...counts]
    .map(([program, count]) => ({ program, count }))
    .sort((a, b) => b.count - a.count || (a.program < b.program ? -1 : 1))
}
