"""What a server's reply means: an ordered file of rules, first match wins.

Owns no tables. One `Classifier` judges for delivery (a reply in an SMTP session) and for reports (the reply that a
bounce message quotes), so that the same words have the same effect whichever way they come. The id of the rule that
decided, and its group, go into the event as `i_classification_rule_id` and `i_classification_group_id`.
"""

from .classifier import HARD, Category, Classifier, Rule, RulesError, Verdict, classifier, parse

__all__ = ["HARD", "Category", "Classifier", "Rule", "RulesError", "Verdict", "classifier", "parse"]
