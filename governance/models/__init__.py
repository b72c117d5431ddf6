from governance.models.action import Action, Exhibit, Outcome, Verdict
from governance.models.agent import LIFECYCLE_TRANSITIONS, Agent, Environment, Grant, Lifecycle
from governance.models.budget import (
    ALERTS,
    HOLDING_TRANSITIONS,
    RESERVATION_TRANSITIONS,
    Budget,
    BudgetScope,
    Charge,
    Holding,
    HoldingState,
    Reservation,
    ReservationState,
    Unit,
    Window,
)
from governance.models.contract import (
    CONTRACT_TRANSITIONS,
    Contract,
    ContractSignature,
    ContractState,
    DomainKey,
    Receipt,
)
from governance.models.credential import PasswordTries, SigninLink, Token
from governance.models.domain import Domain, DomainGroupPermission, DomainPersonPermission, Team
from governance.models.effect import EFFECT_TRANSITIONS, Effect, EffectClass, EffectState
from governance.models.gate import GATE_TRANSITIONS, Decision, Gate, GateState, Review, Seat, Verb
from governance.models.notice import NOTICE_TRANSITIONS, Channel, Notice, NoticeState, Webhook
from governance.models.person import Person
from governance.models.policy import Bundle
from governance.models.tool import Reversibility, Risk, Tool
from governance.models.warrant import WARRANT_TRANSITIONS, Warrant, WarrantState

__all__ = [
    "ALERTS",
    "CONTRACT_TRANSITIONS",
    "EFFECT_TRANSITIONS",
    "GATE_TRANSITIONS",
    "HOLDING_TRANSITIONS",
    "LIFECYCLE_TRANSITIONS",
    "NOTICE_TRANSITIONS",
    "RESERVATION_TRANSITIONS",
    "WARRANT_TRANSITIONS",
    "Action",
    "Agent",
    "Budget",
    "BudgetScope",
    "Bundle",
    "Channel",
    "Charge",
    "Contract",
    "ContractSignature",
    "ContractState",
    "Decision",
    "Domain",
    "DomainGroupPermission",
    "DomainKey",
    "DomainPersonPermission",
    "Effect",
    "EffectClass",
    "EffectState",
    "Environment",
    "Exhibit",
    "Gate",
    "GateState",
    "Grant",
    "Holding",
    "HoldingState",
    "Lifecycle",
    "Notice",
    "NoticeState",
    "Outcome",
    "PasswordTries",
    "Person",
    "Receipt",
    "Reservation",
    "ReservationState",
    "Reversibility",
    "Review",
    "Risk",
    "Seat",
    "SigninLink",
    "Team",
    "Token",
    "Tool",
    "Unit",
    "Verb",
    "Verdict",
    "Warrant",
    "WarrantState",
    "Webhook",
    "Window",
]
