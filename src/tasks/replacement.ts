import type { SignatureData } from '../protocol/signature.ts'

/** Ends the run of a task that a workflow replaces: what `ctx.replace` throws. */
export class Replacement extends Error {
  readonly workflow: SignatureData

  constructor(workflow: SignatureData) {
    super('this task is replaced by a workflow')
    this.workflow = workflow
  }
}
