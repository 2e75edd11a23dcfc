export type {CheckResult, Manifold, Tolerances} from './manifold.js';
export {orthogonalMatrix, randomStiefel} from './random_stiefel.js';
export {stiefel} from './stiefel.js';
export type {Stiefel, StiefelRetraction} from './stiefel.js';
