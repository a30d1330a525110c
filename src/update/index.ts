/**
 * A project that exists: brings it to this version of the generator and to other answers, by git's own three-way merge of
 * what was rendered, what its owner made of it, and what is rendered now.
 */
export { type Added, addToProject, mcpServerFile } from './add.ts';
export type { NotApplied, UpdateAction, UpdatedFile, UpdateReport } from './plan.ts';
export { planUpdate, type Update, type UpdateOptions, type UpdatePlan } from './update.ts';
