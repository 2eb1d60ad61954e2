// The texts of what steering saves, in both languages. Loaded before anything that speaks.

import { EN } from './text-en.js';
import { KO } from './text-ko.js';

Object.assign(EN, {
  'cost.savings': 'Saved by steering',
  'cost.savings.sub': 'measured this month',
  'cost.savings.big': '*{net}* net',
  'cost.savings.between': 'between {lower} and {upper}, with 95 % confidence',
  'cost.savings.chance': 'Chance alone may explain the difference.',
  'cost.savings.change': 'A steered request costs {value} ({lower} to {upper}) beside one that keeps the configured weights.',
  'cost.savings.gross': 'saved',
  'cost.savings.probes': 'probes',
  'cost.savings.hedges': 'hedges',
  'cost.savings.running': 'running cost, as stated',
  'cost.savings.spent': 'spent in all',
  'cost.savings.roi': 'return on the running cost',
  'cost.savings.payback': 'paid for itself after',
  'cost.savings.days': '{n} days',
  'cost.savings.counted': '{steered} steered requests, {control} held out; adjusted for what requests asked for.',
  'cost.savings.none': 'Nothing is measured yet: the optimum does not act, or nobody has asked since.',
  'cost.savings.few': 'Too few requests are counted to tell a difference from chance.',
});

Object.assign(KO, {
  'cost.savings': '조정으로 절감한 금액',
  'cost.savings.sub': '이번 달 측정값',
  'cost.savings.big': '순 *{net}*',
  'cost.savings.between': '95% 신뢰로 {lower} ~ {upper}',
  'cost.savings.chance': '우연만으로도 설명될 수 있는 차이입니다.',
  'cost.savings.change': '조정된 요청의 비용은 설정된 가중치를 유지한 요청 대비 {value} ({lower} ~ {upper})입니다.',
  'cost.savings.gross': '절감',
  'cost.savings.probes': '점검 요청',
  'cost.savings.hedges': '중복 요청',
  'cost.savings.running': '운영비 (입력값)',
  'cost.savings.spent': '총 사용',
  'cost.savings.roi': '운영비 대비 수익',
  'cost.savings.payback': '회수 기간',
  'cost.savings.days': '{n}일',
  'cost.savings.counted': '조정된 요청 {steered}건, 대조군 {control}건. 요청의 크기를 보정했습니다.',
  'cost.savings.none': '아직 측정된 것이 없습니다. 최적화가 실행 단계가 아니거나 요청이 없습니다.',
  'cost.savings.few': '우연과 구별하기에는 요청이 너무 적습니다.',
});
