import type { SignatureData } from '../protocol/signature.ts'

/** Ends the run of a task whose place a workflow takes: what `ctx.replace` throws. */
export class Replacement extends Error {
  readonly workflow: SignatureData

  constructor(workflow: SignatureData) {
    super('this task is replaced by a workflow')
    this.workflow = workflow
  }
}
