/** Measurements of boundaries between stages: the public `diagnostics` namespace. */
export {BoundaryProbe} from './boundary_probe.js';
export type {BoundaryHealth, BoundaryProbeOptions} from './boundary_probe.js';
export {capturedEnergy} from './captured_energy.js';
export {CodeCounts, codebookUsage} from './codebook_usage.js';
export type {CodebookUsage} from './codebook_usage.js';
export {energyProfile} from './energy_profile.js';
export type {ActivationProfile, EnergyProfile} from './energy_profile.js';
export {GramAccumulator} from './gram_accumulator.js';
export {initialiseBoundaries} from './initialise_boundaries.js';
export type {BoundaryStart, InitialiseBoundariesOptions} from './initialise_boundaries.js';
export {orthogonalityError, orthogonalityErrorOf} from './orthogonality_error.js';
export {principalAngles} from './principal_angles.js';
export {codebookStaleness, quantisationError} from './relative_error.js';
export {energyAtRank, rankForEnergy, spectrum, symmetricEigen} from './spectrum.js';
export type {SymmetricEigen} from './spectrum.js';
export {pearsonOfTokenCosines} from './token_cosines.js';
export type {TokenCosinesOptions} from './token_cosines.js';
