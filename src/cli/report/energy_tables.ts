import type {ActivationProfile} from '../../diagnostics/energy_profile.js';
import type {TextTable} from './comparison.js';
import {formatShare} from './format.js';

/** What a boundary of the model itself does with the activations. */
export interface OwnBoundary {
  rank: number;
  /** ‖RA‖²/‖R‖² with its own anchors. */
  capturedEnergy: number;
  /** Share of the activation that the receiver has again. */
  restored: number;
  /** Mean principal angle to each other boundary before it, degrees, the first boundary first. */
  angles: number[];
}

/** What was found of the activations at one cut. */
export interface CutEnergy {
  name: string;
  profile: ActivationProfile;
  own: OwnBoundary | null;
}

/** A cut for programs: with the whole spectrum. */
export function energyJson({name, profile, own}: CutEnergy): object {
  const {width, tokens, anchorShare, plain, anchored} = profile;
  const short = ({ranks, kept, spectrum}: ActivationProfile['plain']) => {
    return {ranks, kept, spectrum: Array.from(spectrum)};
  };
  return {name, width, tokens, plain: short(plain), anchored: short(anchored), anchorShare, own};
}

/** Ranks that keep shares of the energy, with and without anchors. */
export function rankTable(found: CutEnergy[]): TextTable {
  const shares = ['90 %', '95 %', '99 %'];
  return {
    head: [
      ...['Cut after', ...shares.map((share, i) => (i ? share : `Rank for ${share}`))],
      ...['In anchors', ...shares.map((share, i) => (i ? share : `Less anchors, ${share}`))],
    ],
    rows: found.map(({name, profile: {plain, anchored, anchorShare}}) => [
      name,
      ...plain.ranks.map(({rank}) => String(rank)),
      formatShare(anchorShare),
      ...anchored.ranks.map(({rank}) => String(rank)),
    ]),
  };
}

/** Shares of the activation's energy that ranks keep, by themselves and together with anchors. */
export function keptTable(found: CutEnergy[]): TextTable {
  const ranks = found[0].profile.plain.kept.map(({rank}) => String(rank));
  return {
    head: [
      ...['Cut after', ...ranks.map((rank, i) => (i ? rank : `Energy kept at rank ${rank}`))],
      ...ranks.map((rank, i) => (i ? rank : `With anchors, ${rank}`)),
    ],
    rows: found.map(({name, profile: {plain, anchored, anchorShare}}) => [
      name,
      ...plain.kept.map(({energy}) => formatShare(energy)),
      ...anchored.kept.map(({energy}) => formatShare(anchorShare + (1 - anchorShare) * energy)),
    ]),
  };
}

/** What the boundaries of the model itself do. */
export function ownTable(found: CutEnergy[]): TextTable {
  return {
    head: [
      'Boundary at',
      'Rank',
      'Captured energy',
      'Activation restored',
      'Mean angle to those before',
    ],
    rows: found.flatMap(({name, own}) =>
      own == null
        ? []
        : [
            [
              name,
              String(own.rank),
              formatShare(own.capturedEnergy),
              formatShare(own.restored),
              own.angles.map((angle) => `${angle.toFixed(1)}°`).join(', '),
            ],
          ],
    ),
  };
}
