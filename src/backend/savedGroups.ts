/** A group as it is saved, plain data: in `result` its members, as Celery's `GroupResult.save` writes them. */
export type SavedGroup = Readonly<Record<string, unknown>>

/** Groups that are kept where Celery keeps its own, so that each side finds those of the other. */
export interface SavedGroups {
  /** Keep it as long as a final record. */
  save(id: string, group: SavedGroup): Promise<void>
  /** Of any writer; undefined where there is none, or it cannot be read. */
  load(id: string): Promise<SavedGroup | undefined>
}
